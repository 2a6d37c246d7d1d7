// Waits until the workers that a request concerns have reported, through the ledger, that they do
// nothing any more.

import { isQueueMeant, isWorkerMeant } from "../../core/admission/quiet-requests.ts";
import type { Clock } from "../../core/clock.ts";
import { counted } from "../../core/formats/counted.ts";
import { formatDuration } from "../../core/formats/durations.ts";
import type { QuietRecords, QuietReport, QuietRequest } from "../../core/ledger/quiet-records.ts";
import type { Io } from "../command.ts";
import { type ExitCode, exitCodes } from "../exit-codes.ts";
import { targetText } from "../operator/quiet-requests.ts";
import { listenForStop } from "../signals.ts";
import { ProgressView } from "../terminal/progress.ts";
import type { Say } from "../terminal/say.ts";

export interface Awaited {
  readonly request: QuietRequest;
  /** Monotonic time before the request was written. */
  readonly askedAtMs: number;
  /** Null: as long as it takes. */
  readonly maxMs: number | null;
}

export interface WaitPorts {
  readonly records: Pick<QuietRecords, "requests" | "reports">;
  readonly clock: Clock;
  readonly io: Pick<Io, "signals" | "stderr" | "env">;
  readonly say: Say;
}

const LOOK_MS = 1_000;
/**
 * Within this each worker has read the request and reported: it looks every 7.5 s at the latest.
 */
const HEARD_MS = 12_000;
/** A worker that has not reported for so long is gone. */
const GONE_MS = 20_000;

export async function waitUntilIdle(awaited: Awaited, ports: WaitPorts): Promise<ExitCode> {
  const { clock, io, say } = ports;
  const stop = listenForStop(io.signals, clock, () => undefined);
  const view = new ProgressView({ stream: io.stderr, env: io.env, clock, say });
  try {
    const [code, text] = await wait(awaited, ports, view, stop.quiet);
    view.end();
    say(text);
    return code;
  } finally {
    view.end();
    stop.close();
  }
}

type End = readonly [ExitCode, string];

async function wait(awaited: Awaited, ports: WaitPorts, view: ProgressView, stopped: AbortSignal): Promise<End> {
  const { request, maxMs } = awaited;
  const { records, clock } = ports;
  const untilMs = maxMs === null ? Number.POSITIVE_INFINITY : clock.monoMs() + maxMs;
  for (let seen = false; ; ) {
    const lifted = await endOf(request, records);
    if (lifted !== null) return [exitCodes.no, `${targetText(request)} takes steps again: ${lifted}`];
    const state = await stateOf(request, records);
    const ended = clock.monoMs() - awaited.askedAtMs < HEARD_MS ? null : judge(request, state, seen);
    if (ended !== null) return ended;
    seen ||= state.workers > 0;
    if (stopped.aborted) return [exitCodes.no, `interrupted: ${targetText(request)} stays quiet`];
    if (clock.monoMs() >= untilMs) return tooLate(awaited, state);
    const note = `${state.running} running on ${counted(state.workers, "worker")}`;
    view.show({ done: state.idle, total: state.reports, approximate: true, note });
    await clock.sleep(LOOK_MS, stopped);
  }
}

interface State {
  readonly reports: number;
  /** Of these reports. */
  readonly idle: number;
  readonly workers: number;
  readonly running: number;
}

async function stateOf(request: QuietRequest, { reports }: Pick<QuietRecords, "reports">): Promise<State> {
  const heard = (await reports()).filter((one) => concerns(request, one) && one.agoMs < GONE_MS);
  return {
    reports: heard.length,
    idle: heard.filter(({ idle }) => idle).length,
    workers: new Set(heard.map(({ worker }) => worker)).size,
    running: heard.reduce((sum, { busy }) => sum + busy, 0),
  };
}

/** Null while it is too early to say. */
function judge(request: QuietRequest, { reports, idle, workers }: State, seen: boolean): End | null {
  if (workers > 0) return idle === reports ? [exitCodes.done, `${counted(workers, "worker")} idle`] : null;
  return seen ? [exitCodes.no, `${targetText(request)} was gone before it was idle`] : null;
}

function tooLate({ request, maxMs }: Awaited, { workers, running }: State): End {
  const state = workers === 0 ? "no worker has answered the request" : `${counted(running, "step")} still running`;
  const after = formatDuration(maxMs ?? 0);
  return [exitCodes.no, `${targetText(request)} is not idle after ${after}: ${state}; it stays quiet`];
}

/** Who ended the request; null while it is in force. */
async function endOf(request: QuietRequest, records: Pick<QuietRecords, "requests">): Promise<string | null> {
  const { worker, queue } = request;
  const now = (await records.requests()).find((one) => one.worker === worker && one.queue === queue);
  if (now === undefined) return "its time is over";
  return now.lifted === null ? null : `${now.lifted.by} asked for it`;
}

function concerns(request: QuietRequest, { worker, queue }: QuietReport): boolean {
  return isWorkerMeant(request, worker) && isQueueMeant(request, queue);
}
