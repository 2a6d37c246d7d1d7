// One piece of work in the step host: what was heard of it, and how it ended.
import type { ErrorInfo } from "../step/step.ts";
import { falsehoodIn, type Order } from "./falsehoods.ts";
import type { HostFrame, Outcome } from "./frames.ts";
import type { OutputFiles } from "./output.ts";
import type { AskPermit, Ending, OverLimit, Permit, ProbeFailure } from "./port.ts";

type WorkFrame = Exclude<HostFrame, { type: "ready" | "fatal" | "location" }>;

export interface WorkListener {
  readonly ask: AskPermit;
  /** Called with the id of its process. */
  readonly onStarted: (pid: number) => void;
  readonly onPermit: (permit: Permit) => void;
  readonly onCapture: (files: OutputFiles) => void;
}

export type WorkEnd =
  | {
      readonly how: "exited";
      readonly code: number | null;
      readonly signal: string | null;
      /** Why host or kernel ended it, if they did. */
      readonly killed?: Killed | null;
    }
  | { readonly how: "host_lost"; readonly detail: string };

/** `cause` is one of ARCHITECTURE.md's list, or a newer host's. */
interface Killed {
  readonly cause: string;
  readonly message: string;
}

type Exited = Extract<WorkEnd, { how: "exited" }>;

const overLimit: Readonly<Record<OverLimit, string>> = {
  timed_out: "StepTimedOut",
  silent: "StepSilent",
  output: "StepOutputTooLong",
  processes: "StepTooManyProcesses",
};
const limits = Object.keys(overLimit) as OverLimit[];

export class Work {
  /** Resolves when the process is dead and reaped, or gone with its host. */
  readonly ended: Promise<WorkEnd>;
  pid: number | null = null;
  outcome: Outcome | null = null;
  /** Its process found the attempt open: it captures output, or asks for its permit, only then. */
  open = false;
  /** Of the step's run, as its process says; null for not known. */
  job: string | null = null;
  readonly #order: Order;
  readonly #listener: WorkListener;
  readonly #maySettle: boolean;
  readonly #end: (end: WorkEnd) => void;
  #asked = false;
  #permitted = false;

  /** `maySettle` means that its order names the ledger's row. */
  constructor(order: Order, listener: WorkListener, maySettle = false) {
    const { promise, resolve } = Promise.withResolvers<WorkEnd>();
    this.#order = order;
    this.#listener = listener;
    this.#maySettle = maySettle;
    this.ended = promise;
    this.#end = resolve;
  }

  hear(frame: WorkFrame): void {
    switch (frame.type) {
      case "started":
        this.pid = frame.pid;
        this.#listener.onStarted(frame.pid);
        return;
      case "capture":
        this.open = true;
        this.job = frame.job;
        this.#listener.onCapture(frame);
        return;
      case "ask":
        this.open = true;
        if (!this.#asked) void this.#ask();
        return;
      case "outcome":
        this.outcome = this.#believed(frame.outcome);
        return;
      case "exited":
        this.#end({ how: "exited", code: frame.code, signal: frame.signal, killed: frame.killed });
        return;
    }
  }

  async #ask(): Promise<void> {
    this.#asked = true;
    const permit = await this.#listener.ask();
    this.#permitted = permit.granted;
    this.#listener.onPermit(permit);
  }

  #believed(outcome: Outcome): Outcome {
    const leave = { permitted: this.#permitted, maySettle: this.#maySettle };
    const falsehood = falsehoodIn(outcome, this.#order, leave);
    if (falsehood === null) return outcome;
    const message = `the process reports an impossible outcome: ${falsehood}`;
    return { kind: "fault", scope: "step", error: { class: "FalseOutcome", message, traceback: "" } };
  }

  lose(detail: string): void {
    this.#end({ how: "host_lost", detail });
  }
}

type Heard = Pick<Work, "pid" | "outcome"> & { readonly open?: boolean; readonly job?: string | null };

/**
 * What the outcome, the way the process ended, and our own wish to end it (`interrupted`) add up
 * to.
 */
export function endingOf(work: Heard, end: WorkEnd, interrupted: boolean): Ending {
  const ending = withoutStanding(work, end, interrupted);
  const saysSo = ending.kind === "fault" || ending.kind === "interrupted" || ending.kind === "over_limit";
  const job = work.job == null ? {} : { job: work.job };
  return saysSo && work.open === true ? { ...ending, ...job, open: true } : { ...ending, ...job };
}

function withoutStanding(work: Heard, end: WorkEnd, interrupted: boolean): Ending {
  const { outcome } = work;
  if (outcome !== null && outcome.kind !== "fault" && !isAside(outcome)) {
    const ending = endingOfOutcome(outcome);
    const cutShort = howCutShort(end, interrupted);
    return ending.kind === "ended" && ending.wrote && cutShort !== null ? { ...ending, cutShort } : ending;
  }
  if (interrupted) return { kind: "interrupted" };
  const killed = end.how === "exited" ? endingOfKill(end.killed ?? null) : null;
  if (killed !== null) return killed;
  if (outcome?.kind === "fault") return { kind: "fault", scope: outcome.scope, error: outcome.error };
  if (end.how === "exited") return { kind: "fault", scope: "step", error: diedWithoutOutcome(end) };
  const error = { class: "StepHostLost", message: `the step host ended (${end.detail})`, traceback: "" };
  return { kind: "fault", scope: work.pid === null ? "host" : "step", error };
}

export function probeFailureOf(
  work: Pick<Work, "pid" | "outcome">,
  end: WorkEnd,
  timedOut: boolean,
): ProbeFailure | null {
  return work.outcome?.kind === "probed" ? null : failureOf(work, end, timedOut);
}

export function failureOf(work: Pick<Work, "pid" | "outcome">, end: WorkEnd, timedOut: boolean): ProbeFailure {
  const ending = endingOf(work, end, timedOut);
  if (ending.kind === "fault") return { scope: ending.scope, error: ending.error };
  return { scope: "instance", error: { class: "NoAnswer", message: "the storage did not answer", traceback: "" } };
}

type Aside = Extract<Outcome, { kind: "noticed" | "probed" | "looked" }>;

/** Says nothing of a step. */
function isAside(outcome: Outcome): outcome is Aside {
  return outcome.kind === "noticed" || outcome.kind === "probed" || outcome.kind === "looked";
}

/** Returns why the process did not end by itself; null if it did. */
function howCutShort(end: WorkEnd, interrupted: boolean): string | null {
  if (end.how === "host_lost") return `the step host ended (${end.detail})`;
  if (end.signal === null && end.killed?.cause !== "after_end") return null;
  if (end.killed) return end.killed.message;
  return interrupted ? "the worker stopped, or lost its lease" : `it was killed by ${end.signal}`;
}

function endingOfOutcome(outcome: Exclude<Outcome, { kind: "fault" } | Aside>): Ending {
  switch (outcome.kind) {
    case "permit_refused":
      return { kind: "permit_refused" };
    case "rerun_refused":
    case "not_open":
      return { kind: outcome.kind, error: outcome.error };
    case "unknown_run":
      return { kind: "unknown_run", instance: outcome.instance, result: outcome.result };
    case "already_recorded":
    case "run_over":
      return { kind: "ended", result: outcome.result, wrote: false };
    default:
      return { kind: "ended", result: outcome.result, wrote: true, ...(outcome.settled && { settled: true }) };
  }
}

/** Null when the host did not end it for a reason of its own that we know. */
function endingOfKill(killed: Killed | null): Ending | null {
  if (killed?.cause === "expired") return { kind: "expired" };
  const limit = limits.find((name) => name === killed?.cause);
  if (killed === null || limit === undefined) return null;
  const error = { class: overLimit[limit], message: `the step was ended: ${killed.message}`, traceback: "" };
  return { kind: "over_limit", limit, error };
}

function diedWithoutOutcome({ code, signal, killed }: Exited): ErrorInfo {
  const how = signal === null ? `exited with code ${code}` : `was killed by ${signal}`;
  const doubt = signal === "SIGKILL" ? " (out of memory?)" : "";
  const hint = killed?.cause === "out_of_memory" ? ` (out of memory: ${killed.message})` : doubt;
  const never = code === null && signal === null;
  const message = never ? "could not be started" : `${how} before it had an outcome${hint}`;
  return { class: "StepProcessDied", message: `the step process ${message}`, traceback: "" };
}
