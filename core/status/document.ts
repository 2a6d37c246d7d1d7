// The facts of the status page as one JSON document. Its fields keep their names: scripts read
// them.
import type { AskedQuiet } from "../admission/quiet.ts";
import type { Reason } from "../circuit/closing.ts";
import { printable, printableLine } from "../formats/printable.ts";
import { shortened } from "../formats/shortened.ts";
import type { HostVersions } from "../runner/port.ts";
import type { IntakeState, LaneState, WorkerSnapshot } from "../worker/snapshot.ts";
import type { ClaimedStep, EndedStep, RunningStep } from "./recent-steps.ts";
import type { Measured } from "./series.ts";

export interface StatusFacts {
  readonly worker: string;
  readonly version: string;
  readonly pid: number;
  /** Unix milliseconds. */
  readonly nowMs: number;
  readonly uptimeMs: number;
  readonly started: boolean;
  readonly snapshot: WorkerSnapshot;
  readonly intake: IntakeState;
  readonly running: readonly RunningStep[];
  readonly ended: readonly EndedStep[];
  readonly series: Measured;
  /** `null` before the first step host was ready. */
  readonly host: HostVersions | null;
  readonly advice: readonly string[];
}

/** The verdicts of `/livez`, `/readyz` and `/healthz`. */
export type Verdicts = Readonly<Record<"live" | "ready" | "healthy", { readonly ok: boolean; readonly why: string }>>;

/** The longest that a step key can be. The worker buries a message with a longer one. */
const LONGEST_KEY = 2_000;
/** The same of a run id and a job. */
const LONGEST_NAME = 255;
const LONGEST_WHY = 500;

export function statusDocument(facts: StatusFacts, health: Verdicts): object {
  const { snapshot, intake, host } = facts;
  const { busy, slots, stopping, received, ended, outcomes } = snapshot;
  return {
    worker: line(facts.worker, LONGEST_NAME),
    version: facts.version,
    pid: facts.pid,
    now_ms: facts.nowMs,
    uptime_ms: span(facts.uptimeMs),
    stopping,
    health: {
      live: verdict(health.live),
      ready: verdict(health.ready),
      healthy: verdict(health.healthy),
    },
    dependencies: dependencies(intake.outages, snapshot.broken),
    step_host: host === null ? null : { dagster: host.dagster, dagster_taskiq: host.dagsterTaskiq },
    advice: facts.advice.map((text) => line(text, LONGEST_WHY)),
    slots: { total: slots, busy },
    running: facts.running.map(({ runningMs, ...step }) => ({ ...stepFields(step), running_ms: span(runningMs) })),
    recent: facts.ended.map(({ outcome, ranMs, endedAtMs, why, ...step }) => ({
      ...stepFields(step),
      outcome,
      ran_ms: span(ranMs),
      ended_at_ms: endedAtMs,
      why: why === null ? null : line(why, LONGEST_WHY),
    })),
    series: facts.series,
    queues: intake.queues.map((queue) => queueFields(queue, facts)),
    totals: { received, deliveries: ended, outcomes },
  };
}

function verdict({ ok, why }: Verdicts["live"]): object {
  return { ok, why: line(why, LONGEST_WHY) };
}

function stepFields(step: ClaimedStep): object {
  return {
    run_id: shortened(printable(step.runId), LONGEST_NAME),
    step_key: shortened(printable(step.stepKey), LONGEST_KEY),
    attempt: step.attempt,
    job: step.job === null ? null : line(step.job, LONGEST_NAME),
    queue: line(step.queue, LONGEST_NAME),
    starts: step.starts,
    claimed_at_ms: step.claimedAtMs,
    waited_ms: step.waitedMs === null ? null : span(step.waitedMs),
    pid: step.pid,
  };
}

/** Why each of what all queues need is not there. A location may be broken while others work. */
function dependencies(outages: readonly Reason[], broken: string | null): object {
  const of = (cause: Reason["cause"], aside: string | null = null) => {
    const why = outages.find((outage) => outage.cause === cause)?.why ?? null;
    return { ok: why === null, why: line(why ?? aside ?? "ok", LONGEST_WHY) };
  };
  return { ledger: of("ledger"), instance: of("instance"), host: of("host"), location: of("location", broken) };
}

function queueFields(queue: LaneState, facts: StatusFacts): object {
  const { name, busy, most, received, failing, quiet } = queue;
  return {
    name: line(name, LONGEST_NAME),
    state: stateOf(queue, facts),
    why: failing === null ? null : line(failing, LONGEST_WHY),
    quiet: quiet.map(quietFields),
    slots: { total: most, busy },
    received,
  };
}

function stateOf({ quiet, failing, busy, most }: LaneState, { started, snapshot, intake }: StatusFacts): string {
  if (snapshot.stopping) return "stopping";
  if (!started) return "starting";
  if (quiet.length > 0) return "quiet";
  if (failing !== null || intake.outages.length > 0) return "closed";
  return busy >= most || snapshot.busy >= snapshot.slots ? "full" : "receiving";
}

function quietFields({ by, why, atMs, untilMs }: AskedQuiet): object {
  const reason = why === null ? null : line(why, LONGEST_WHY);
  return { by: line(by, LONGEST_NAME), why: reason, at_ms: atMs, until_ms: untilMs };
}

/** The clocks of two machines may disagree. */
function span(ms: number): number {
  return Math.max(0, Math.round(ms));
}

function line(text: string, longest: number): string {
  return shortened(printableLine(text), longest);
}
