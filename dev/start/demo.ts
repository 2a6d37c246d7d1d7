// The demo from beginning to end: bundle, SQS server, worker, run, table; with `keep`, the Dagster UI until stopped.
import { build } from "../../build.mjs";
import { startFauxqsServer } from "../../test/support/fauxqs.ts";
import { createQueues } from "../../test/support/local-sqs.ts";
import { DemoFailed } from "./demo-failed.ts";
import { freePort } from "./free-port.ts";
import { createHome } from "./home.ts";
import { Launcher } from "./launcher.ts";
import { lookFurther } from "./look-further.ts";
import type { Program } from "./program.ts";
import { Progress } from "./progress.ts";
import { type Deployed, type FinishedRun, showResult } from "./result.ts";
import { report, say, strong } from "./screen.ts";
import { surroundings } from "./surroundings.ts";
import { startUi } from "./ui.ts";
import { answering, startWorker, workerArguments } from "./worker.ts";

const job = "weather_report";

export interface DemoOptions {
  /** Leave everything running, with the UI, until `stopping` aborts. */
  readonly keep: boolean;
  /** Ends everything in order; rejects unless it is `keep` that ends. */
  readonly stopping: AbortSignal;
  /** Ends everything now. */
  readonly hurrying: AbortSignal;
}

/** What is running: the queue's server, and programs in the order in which the others need them. */
interface Stage extends Deployed {
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly programs: Program[];
}

/** Rejects with a `DemoFailed` when something does not work. Nothing is left running, whatever happens. */
export async function demo(options: DemoOptions): Promise<void> {
  const { path, bytes } = await bundle();
  report("Bundle", `${path}, ${Math.round(bytes / 1024)} KiB`);
  const stage = await openStage();
  try {
    await perform(stage, options);
  } finally {
    for (const program of stage.programs.toReversed()) await program.stop(options.hurrying);
    await stage.sqs.stop();
  }
}

async function bundle(): ReturnType<typeof build> {
  try {
    return await build();
  } catch (error) {
    throw new DemoFailed("the bundle could not be built: esbuild's reasons are above", { cause: error });
  }
}

async function openStage(): Promise<Stage> {
  const home = createHome();
  const sqs = await startFauxqsServer();
  const queues = await createQueues(sqs, "steps", { maxReceiveCount: 10 });
  report("Queue", `${queues.url}\n${" ".repeat(10)} dead letters go to ${queues.deadLetterName}`);
  return { home, sqs, queues, env: surroundings(home, sqs, queues), programs: [] };
}

async function perform(stage: Stage, { keep, stopping }: DemoOptions): Promise<void> {
  const progress = new Progress();
  const launcher = new Launcher(job, stage.home, stage.env, (event) => progress.show(event));
  stage.programs.push(launcher.program);
  const worker = await openWorker(stage, stopping);
  const run = await runJob(launcher, worker, stopping);
  await showResult(stage, run, worker);
  say(lookFurther(stage.home, { keep }));
  if (keep) await keepRunning(stage, worker, stopping);
}

async function openWorker(stage: Stage, stopping: AbortSignal): Promise<Program> {
  const port = await freePort();
  const startedAt = performance.now();
  report("Worker", `taskiq ${workerArguments.join(" ")}`);
  const worker = startWorker(stage.home, stage.env, port);
  stage.programs.unshift(worker);
  const url = `http://127.0.0.1:${port}/readyz`;
  await unlessEnded(answering(worker, url, stopping), [worker], stopping);
  const seconds = ((performance.now() - startedAt) / 1000).toFixed(1);
  say(`${" ".repeat(10)} ready after ${seconds} s; its health is on ${url}`);
  return worker;
}

async function runJob(launcher: Launcher, worker: Program, stopping: AbortSignal): Promise<FinishedRun> {
  const programs = [launcher.program, worker];
  await unlessEnded(launcher.ready, programs, stopping);
  launcher.launch();
  const runId = await unlessEnded(launcher.runId, programs, stopping);
  report("Run", `${job} ${runId}\n`);
  const status = await unlessEnded(launcher.finished, programs, stopping);
  return { runId, status, events: launcher.events };
}

async function keepRunning(stage: Stage, worker: Program, stopping: AbortSignal): Promise<void> {
  const port = await freePort();
  const url = `http://127.0.0.1:${port}`;
  say("");
  report("UI", "starting");
  const ui = startUi(stage.home, stage.env, port);
  stage.programs.push(ui);
  await unlessEnded(answering(ui, `${url}/server_info`, stopping), [ui, worker], stopping);
  report("UI", `${strong("bold", url)}\n${" ".repeat(10)} launch ${job} there again; Ctrl-C ends everything`);
  const stopped = new Promise<void>((resolve) => stopping.addEventListener("abort", () => resolve()));
  await Promise.race([stopped, ui.mustGoOn(), worker.mustGoOn()]);
}

/** Waits for something, but no longer than the programs that it needs are alive and nobody says stop. */
async function unlessEnded<T>(wanted: Promise<T>, needed: readonly Program[], stopping: AbortSignal): Promise<T> {
  stopping.throwIfAborted();
  const stopped = new Promise<never>((_, reject) => stopping.addEventListener("abort", () => reject(stopping.reason)));
  return Promise.race([wanted, stopped, ...needed.map((program) => program.mustGoOn())]);
}
