// The worker of `taskiq dev`: that of `taskiq run`, in this process, on the local queue.
import { EventEmitter } from "node:events";
import { Fault } from "../../core/faults.ts";
import type { Io } from "../command.ts";
import type { Env } from "../options/resolve.ts";
import { configure } from "../options/setup.ts";
import { aborted, type StopRequests } from "../signals.ts";
import { createLogger } from "../terminal/logger.ts";
import { runWorker, type WorkerEnd } from "../worker/run-worker.ts";
import { workerSetup } from "../worker/worker-config.ts";
import { type DevConfig, sharedVariables } from "./dev-config.ts";
import { isDagsterDebug, type Screen } from "./screen.ts";

export interface WorkerPlace {
  readonly home: string;
  readonly ledgerUrl: string;
  readonly sqs: string;
  readonly healthPort: number;
  /** Of the steps. */
  readonly env: Env;
}

export interface DevWorker {
  /** Resolves when it takes steps, or has ended. */
  readonly ready: Promise<void>;
  /** Rejects with a `Fault` when it could not start. */
  readonly ended: Promise<WorkerEnd>;
}

export function startWorker(
  { workerArgs }: DevConfig,
  place: WorkerPlace,
  io: Io,
  stop: StopRequests,
  screen: Screen,
): DevWorker {
  const args = [
    ...["--local-sqs", place.sqs, "--dagster-home", place.home, "--ledger-url", place.ledgerUrl],
    // A stop waits for the long poll that is under way.
    ...["--health-port", String(place.healthPort), "--wait-time", "1s", "--log-format", "text"],
    ...workerArgs,
  ];
  const {
    problems,
    warnings,
    config: settle,
  } = configure(workerSetup, args, only(io.env, sharedVariables), io.machine);
  if (problems.length > 0) throw new Fault("TQ_CONFIG", ["the worker cannot start", ...problems].join("\n"));
  const config = settle();
  const started = Promise.withResolvers<void>();
  const logger = createLogger({ ...config.log, stream: screen.streamOf("worker"), worker: config.workerId });
  const observe: typeof logger.observe = (record) => {
    const { event, message } = record;
    if (event === "worker.started") started.resolve();
    // The signal is ours, and said already.
    if (event === "worker.signal") return;
    logger.observe(isDagsterDebug(message) ? { ...record, level: "debug" } : record);
  };
  const { forgetVariables: _, ...rest } = io;
  const ended = runWorker(config, { ...rest, env: place.env, signals: signalsOf(io, stop) }, warnings, {
    ...logger,
    observe,
  });
  // Its end is `ended`'s to report.
  const over = ended.then(
    () => undefined,
    () => undefined,
  );
  return { ready: Promise.race([started.promise, over]), ended };
}

/** What stops `taskiq dev` stops the worker, stage by stage. */
function signalsOf({ signals }: Io, stop: StopRequests): Io["signals"] {
  const emitter = new EventEmitter();
  for (const stage of [stop.quiet, stop.now]) void aborted(stage).then(() => emitter.emit("SIGTERM"));
  const sourceOf = (event: string) => (event === "uncaughtException" ? signals : emitter);
  return {
    on: (event, listener) => sourceOf(event).on(event, listener),
    off: (event, listener) => sourceOf(event).off(event, listener),
  };
}

function only(env: Env, names: readonly string[]): Env {
  return Object.fromEntries(names.map((name) => [name, env[name]]));
}
