// The steps that run and the last that ended, from log events, so that a log and the status page
// cannot disagree. It holds as many steps as the worker has slots, and the last 50.
import type { Clock } from "../clock.ts";
import type { EventName } from "../events/events.ts";
import { shortened } from "../formats/shortened.ts";
import type { Observation } from "../observe.ts";
import { queueNameOf } from "../queue/queue-place.ts";
import { Series } from "./series.ts";

/** A claimed delivery of a step. Its names are as the message has them. */
export interface ClaimedStep {
  readonly runId: string;
  readonly stepKey: string;
  readonly attempt: number;
  readonly job: string | null;
  readonly queue: string;
  /** How often the attempt has been started, this time included. */
  readonly starts: number;
  /** Unix milliseconds. */
  readonly claimedAtMs: number;
  readonly waitedMs: number | null;
  /** Process id of the step's process. `null` before there is one. */
  readonly pid: number | null;
}

export interface RunningStep extends ClaimedStep {
  readonly runningMs: number;
}

export interface EndedStep extends ClaimedStep {
  readonly outcome: string;
  /** From the claim, or as long as the step's process says that it ran. */
  readonly ranMs: number;
  /** Unix milliseconds. */
  readonly endedAtMs: number;
  /** The step's error, or why the worker ended the delivery without an outcome. */
  readonly why: string | null;
}

/** What is known of a step so far. */
type Draft = { -readonly [K in keyof ClaimedStep]: ClaimedStep[K] };

interface Entry {
  readonly key: string;
  readonly step: Draft;
  /** Monotonic time. */
  readonly claimedMs: number;
  state: string | null;
  ranMs: number | null;
  why: string | null;
  requeued: boolean;
}

type About = Pick<Observation<"delivery.done">, "messageId" | "receiveCount">;
type Hears = { readonly [E in EventName]?: (seen: Observation<E>) => void };

const MOST_ENDED = 50;
/** More of an error than the page shows. The log has all of it. */
const LONGEST_WHY = 1_000;

/** Recorded outcomes that count as failures. */
const FAILED: ReadonlySet<string> = new Set([
  "failure",
  "resource_init_failure",
  "reported",
  "parked",
  "malformed",
] as const);

export class RecentSteps {
  readonly #clock: Pick<Clock, "monoMs" | "wallMs">;
  readonly #only: string;
  readonly #hears: Hears;
  readonly #claimed = new Map<string, Entry>();
  /** Newest first. */
  readonly #ended: EndedStep[] = [];
  readonly #series = new Series();

  /** `queue` is the name or URL of the queue of events that name none. */
  constructor(clock: Pick<Clock, "monoMs" | "wallMs">, queue: string) {
    this.#clock = clock;
    this.#only = queue;
    this.#hears = { ...this.#hearsOfSteps(), ...this.#hearsOfTroubles() };
  }

  readonly observe = (seen: Observation): void => {
    // Each entry takes the observation of its own name.
    const hear = this.#hears[seen.event] as ((seen: Observation) => void) | undefined;
    hear?.(seen);
  };

  /** Longest running first. */
  running(): readonly RunningStep[] {
    const nowMs = this.#clock.monoMs();
    return [...this.#claimed.values()].map(({ step, claimedMs }) => ({ ...step, runningMs: nowMs - claimedMs }));
  }

  /** Newest first. */
  ended(): readonly EndedStep[] {
    return [...this.#ended];
  }

  series(): ReturnType<Series["read"]> {
    return this.#series.read(this.#clock.monoMs());
  }

  #hearsOfSteps(): Hears {
    return {
      "step.claimed": (seen) => this.#claim(seen),
      "step.started": ({ key, pid }) => {
        for (const entry of this.#claimed.values()) if (entry.key === key) entry.step.pid = pid;
      },
      "step.ended": (seen) => {
        const { state, wrote, ranMs, job, errorClass, errorMessage } = seen;
        const entry = this.#of(seen);
        if (entry === undefined) return;
        entry.state = state;
        if (wrote) entry.ranMs = ranMs;
        if (job !== undefined) entry.step.job = job;
        if (errorClass !== undefined) entry.why = `${errorClass}: ${errorMessage}`;
      },
      "step.settled": (seen) => {
        const { answer, state, message } = seen;
        if (answer === "recorded") return this.#series.ended(this.#clock.monoMs(), FAILED.has(state));
        const entry = this.#of(seen);
        if (entry !== undefined) entry.why = message;
      },
      "delivery.done": (seen) => this.#end(seen, seen.disposition),
      "delivery.bug": (seen) => this.#end(seen, "bug"),
    };
  }

  #hearsOfTroubles(): Hears {
    const because = (seen: About & { readonly message: string }) => {
      const entry = this.#of(seen);
      if (entry !== undefined) entry.why = seen.message;
    };
    return {
      "step.fault": because,
      "step.over_limit": because,
      "step.given_up": because,
      "step.permit_refused": because,
      "step.not_open": because,
      "step.unknown_run": because,
      "lease.lost": because,
      "step.requeued": (seen) => {
        const entry = this.#of(seen);
        if (entry !== undefined) Object.assign(entry, { requeued: true, why: entry.why ?? seen.message });
      },
    };
  }

  #claim(seen: Observation<"step.claimed">): void {
    const { key = "", runId = "", stepKey = "", attempt = 0, job = null, queue, receiveCount, starts } = seen;
    const waitedMs = seen.queuedMs;
    const claimedMs = this.#clock.monoMs();
    const step = {
      runId,
      stepKey,
      attempt,
      job,
      queue: queueNameOf(queue ?? this.#only),
      starts,
      claimedAtMs: this.#clock.wallMs(),
      waitedMs,
      pid: null,
    };
    this.#claimed.set(idOf(seen), { key, step, claimedMs, state: null, ranMs: null, why: null, requeued: false });
    if (starts === 1 && receiveCount === 1 && waitedMs !== null) this.#series.waited(claimedMs, waitedMs);
  }

  #end(seen: About, disposition: string): void {
    const entry = this.#of(seen);
    if (entry === undefined) return;
    this.#claimed.delete(idOf(seen));
    const { step, claimedMs, why } = entry;
    const ranMs = Math.max(0, entry.ranMs ?? this.#clock.monoMs() - claimedMs);
    const endedAtMs = this.#clock.wallMs();
    const cut = why === null ? null : shortened(why, LONGEST_WHY);
    this.#ended.unshift({ ...step, outcome: outcomeOf(entry, disposition), ranMs, endedAtMs, why: cut });
    this.#ended.length = Math.min(this.#ended.length, MOST_ENDED);
  }

  #of(seen: About): Entry | undefined {
    return this.#claimed.get(idOf(seen));
  }
}

/** A message may come back to the worker that still has its first delivery. */
function idOf({ messageId, receiveCount = 0 }: About): string {
  return `${messageId}:${receiveCount}`;
}

/** An outcome counts only once it is recorded, which a released or lost delivery's is not. */
function outcomeOf({ state, requeued }: Entry, disposition: string): string {
  if (disposition === "released") return requeued ? "requeued" : "given_back";
  return disposition === "lost" || disposition === "bug" ? disposition : (state ?? disposition);
}
