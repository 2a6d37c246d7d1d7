// `taskiq quiet --local` and `taskiq resume --local`: finds the worker on this machine, asks it,
// and may wait until it is idle.
import { systemClock as clock } from "../../core/clock.ts";
import { counted } from "../../core/formats/counted.ts";
import { formatDuration } from "../../core/formats/durations.ts";
import { printableJson } from "../../core/formats/printable.ts";
import type { Io } from "../command.ts";
import { type ExitCode, exitCodes } from "../exit-codes.ts";
import { aborted, listenForStop } from "../signals.ts";
import { ProgressView } from "../terminal/progress.ts";
import type { Say } from "../terminal/say.ts";
import { askWorker, type ControlState } from "../worker/control-client.ts";
import { type ControlFile, readControlFiles } from "../worker/control-files.ts";
import { operatorName } from "./operator-name.ts";

/** How often a worker is asked whether it is idle. */
const LOOK_MS = 250;

export interface LocalRequest {
  readonly do: "quiet" | "resume";
  readonly stateDir: string;
  /** `null` means the only one on this machine. */
  readonly worker: string | null;
  /** `null` means the user of this machine. */
  readonly who: string | null;
  readonly wait: boolean;
  /** `null` means as long as it takes. */
  readonly maxMs: number | null;
  readonly json: boolean;
}

/** How it ended; `state` is the last that the worker reported. */
interface Asked {
  readonly code: ExitCode;
  readonly state: ControlState | null;
}

/**
 * Exit code 2 when there are several workers and none is named, 3 when there is none that can be
 * asked.
 */
export async function askLocalWorker(request: LocalRequest, io: Io, say: Say): Promise<ExitCode> {
  const by = request.who ?? operatorName(io);
  const found = await findWorkers(request, io);
  const live: (readonly [ControlFile, ControlState])[] = [];
  for (const file of found) {
    const answer = await askWorker(file, "state", by);
    if (answer.kind === "state") live.push([file, answer.state]);
    else if (answer.kind === "failed") say(`worker ${file.worker} cannot be asked: ${answer.why}`);
  }
  const [first, ...more] = live;
  if (first === undefined) {
    const which = request.worker === null ? "worker" : `worker ${request.worker}`;
    say(`no ${which} of this user runs on this machine: ${request.stateDir} has no file of one`);
    return exitCodes.unreachable;
  }
  if (more.length > 0) {
    say(
      `several workers run on this machine: name one with --worker\n${live.map(([{ worker }]) => worker).join("\n")}`,
    );
    return exitCodes.usage;
  }
  const { code, state } = await ask(request, first[0], by, io, say);
  if (request.json && state !== null) io.stdout.write(`${printableJson(state)}\n`);
  return code;
}

async function findWorkers({ stateDir, worker }: LocalRequest, { machine }: Io): Promise<readonly ControlFile[]> {
  const place = { directory: stateDir, uid: machine.uid(), hostname: machine.hostname() };
  const files = await readControlFiles(place);
  return worker === null ? files : files.filter((file) => file.worker === worker);
}

async function ask(request: LocalRequest, file: ControlFile, by: string, io: Io, say: Say): Promise<Asked> {
  const answer = await askWorker(file, request.do, by);
  if (answer.kind !== "state") {
    say(`worker ${file.worker} ${answer.kind === "gone" ? "has ended" : `cannot be asked: ${answer.why}`}`);
    return { code: exitCodes.unreachable, state: null };
  }
  const { state } = answer;
  if (request.do === "resume") {
    const { worker, stopping, quiet } = state;
    const asked =
      quiet === null
        ? ""
        : ` no more: ${quiet.by} asked for that through the ledger; taskiq resume without --local lifts it`;
    say(`worker ${worker} takes steps${stopping ? " no more: it is stopping" : asked}`);
    return { code: stopping || quiet !== null ? exitCodes.no : exitCodes.done, state };
  }
  say(
    `worker ${state.worker} is quiet, as ${state.quiet?.by} asked; ${counted(state.busy, "running step")} may finish`,
  );
  return request.wait ? await waitUntilIdle(request, file, state, io, say) : { code: exitCodes.done, state };
}

async function waitUntilIdle(
  { maxMs }: LocalRequest,
  file: ControlFile,
  first: ControlState,
  io: Io,
  say: Say,
): Promise<Asked> {
  const stop = listenForStop(io.signals, clock, () => undefined);
  const view = new ProgressView({ stream: io.stderr, env: io.env, clock, say });
  const untilMs = maxMs === null ? Number.POSITIVE_INFINITY : clock.monoMs() + maxMs;
  const end = (code: ExitCode, state: ControlState, text: string): Asked => {
    view.end();
    say(text);
    return { code, state };
  };
  let state = first;
  try {
    while (!state.idle) {
      if (stop.quiet.aborted) return end(exitCodes.no, state, `interrupted: worker ${state.worker} stays quiet`);
      if (clock.monoMs() >= untilMs) {
        const after = `after ${formatDuration(maxMs ?? 0)}`;
        return end(
          exitCodes.no,
          state,
          `worker ${state.worker} is not idle ${after}: ${counted(state.busy, "step")} still running; it stays quiet`,
        );
      }
      view.show(progressOf(first, state));
      await clock.sleep(LOOK_MS, stop.quiet);
      const answer = await Promise.race([askWorker(file, "state", ""), aborted(stop.quiet)]);
      if (answer === undefined) continue;
      if (answer.kind !== "state")
        return end(exitCodes.no, state, `worker ${state.worker} was gone before it was idle`);
      state = answer.state;
      if (state.quiet === null) return end(exitCodes.no, state, `worker ${state.worker} was resumed`);
    }
    return end(exitCodes.done, state, `worker ${state.worker} is idle`);
  } finally {
    stop.close();
  }
}

/** Of the steps that ran when it became quiet; a last receive may still be under way after them. */
function progressOf({ busy: total }: ControlState, { busy }: ControlState) {
  const note = busy === 0 ? "its last receive ends" : `${busy} running`;
  return { done: Math.max(0, total - busy), total, approximate: false, note };
}
