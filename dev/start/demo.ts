// The demo from beginning to end: bundle, `taskiq dev`, run, table. With `keep`, the Dagster UI
// stays until it is stopped.
import { build } from "../../build.mjs";
import { freePort } from "../../cli/dev/ports.ts";
import { DemoFailed } from "./demo-failed.ts";
import { Deployment, devArguments } from "./deployment.ts";
import { createHome } from "./home.ts";
import { Launcher } from "./launcher.ts";
import { lookFurther } from "./look-further.ts";
import type { LoggedProgram } from "./program.ts";
import { Progress } from "./progress.ts";
import { queueOf } from "./queue.ts";
import { type FinishedRun, showResult } from "./result.ts";
import { report, say, strong } from "./screen.ts";

const job = "weather_report";

export interface DemoOptions {
  /** Leave everything running, with the UI, until `stopping` aborts. */
  readonly keep: boolean;
  /** Ends everything in order; rejects unless it is `keep` that ends. */
  readonly stopping: AbortSignal;
  /** Ends everything now. */
  readonly hurrying: AbortSignal;
}

/**
 * Rejects with a `DemoFailed` when something does not work. Nothing is left running, whatever
 * happens.
 */
export async function demo(options: DemoOptions): Promise<void> {
  const { path, bytes } = await bundle();
  report("Bundle", `${path}, ${Math.round(bytes / 1024)} KiB`);
  const programs: LoggedProgram[] = [];
  try {
    await perform(programs, options);
  } finally {
    for (const program of programs.toReversed()) await program.stop(options.hurrying);
  }
}

async function bundle(): ReturnType<typeof build> {
  try {
    return await build();
  } catch (error) {
    throw new DemoFailed("the bundle could not be built: esbuild's reasons are above", { cause: error });
  }
}

/** `programs` gets what is started, in the order in which the others need it. */
async function perform(programs: LoggedProgram[], { keep, stopping }: DemoOptions): Promise<void> {
  const home = createHome();
  // Not the usual one: demos that start side by side would find it free, and only one could have
  // it.
  const deployment = new Deployment(home, keep ? await freePort() : null);
  programs.push(deployment.program);
  report("Worker", `taskiq ${devArguments(keep).join(" ")}`);
  await unlessEnded(deployment.served, [deployment.program], stopping);
  const environment = deployment.environment();
  const queue = queueOf(environment);
  const progress = new Progress();
  const launcher = new Launcher(job, home, environment, (event) => progress.show(event));
  programs.push(launcher.program);
  await untilReady(deployment, stopping);
  report("Queue", `${queue.url}\n${" ".repeat(10)} dead letters go to ${queue.deadLetterName}`);
  const run = await runJob(launcher, deployment.program, stopping);
  await showResult({ home, queue }, run, deployment.program);
  say(lookFurther(home, { keep }));
  if (keep) await keepRunning(deployment, stopping);
}

async function untilReady(deployment: Deployment, stopping: AbortSignal): Promise<void> {
  const startedAt = performance.now();
  await unlessEnded(deployment.ready, [deployment.program], stopping);
  say(`${" ".repeat(10)} ready after ${((performance.now() - startedAt) / 1000).toFixed(1)} s`);
}

async function runJob(launcher: Launcher, worker: LoggedProgram, stopping: AbortSignal): Promise<FinishedRun> {
  const programs = [launcher.program, worker];
  await unlessEnded(launcher.ready, programs, stopping);
  launcher.launch();
  const runId = await unlessEnded(launcher.runId, programs, stopping);
  report("Run", `${job} ${runId}\n`);
  const status = await unlessEnded(launcher.finished, programs, stopping);
  return { runId, status, events: launcher.events };
}

async function keepRunning({ ui, program: worker }: Deployment, stopping: AbortSignal): Promise<void> {
  say("");
  report("UI", "starting");
  const url = (await unlessEnded(ui, [worker], stopping)) ?? "";
  report("UI", `${strong("bold", url)}\n${" ".repeat(10)} launch ${job} there again; Ctrl-C ends everything`);
  const stopped = new Promise<void>((resolve) => stopping.addEventListener("abort", () => resolve()));
  await Promise.race([stopped, worker.mustGoOn()]);
}

/**
 * Waits for `wanted`, but gives up when a program that it needs has ended, or the user stops the
 * demo.
 */
async function unlessEnded<T>(wanted: Promise<T>, needed: readonly LoggedProgram[], stopping: AbortSignal): Promise<T> {
  stopping.throwIfAborted();
  const stopped = new Promise<never>((_, reject) => stopping.addEventListener("abort", () => reject(stopping.reason)));
  return Promise.race([wanted, stopped, ...needed.map((program) => program.mustGoOn())]);
}
