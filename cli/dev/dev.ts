// `taskiq dev`: a queue, a worker and Dagster's UI on this machine, for the code in the working
// directory, until they are stopped.
import { randomBytes } from "node:crypto";
import { dirname, join, relative, resolve } from "node:path";
import { systemClock as clock } from "../../core/clock.ts";
import { Fault } from "../../core/faults.ts";
import { counted } from "../../core/formats/counted.ts";
import { killMarked } from "../../core/process-group.ts";
import { defineCommand, type Io } from "../command.ts";
import { type ExitCode, exitCodes } from "../exit-codes.ts";
import { without } from "../options/own-variables.ts";
import type { Env } from "../options/resolve.ts";
import { aborted, listenForStop, type StopRequests } from "../signals.ts";
import { type DevConfig, devSetup } from "./dev-config.ts";
import { FIRST_FLAGS } from "./dev-options.ts";
import { type DevWorker, startWorker } from "./dev-worker.ts";
import { endRuns } from "./end-runs.ts";
import { requireFitEnvFile } from "./env-file.ts";
import { exportsOf, type Home, openHome } from "./home.ts";
import { freePort, freePortNear, isFree } from "./ports.ts";
import { requirePackages } from "./python.ts";
import { openQueueServer, type QueueServer } from "./queue-server.ts";
import { isDagsterDebug, Screen } from "./screen.ts";
import { watchSources } from "./source-watch.ts";
import { Ui } from "./ui.ts";

export const command = defineCommand({
  name: "dev",
  setup: devSetup,
  examples: [
    "taskiq dev",
    "taskiq dev -f weather_report.py",
    "taskiq dev -m my_project.definitions --queue-name orders.fifo --concurrency 8",
    "taskiq dev --no-ui",
  ],
  first: FIRST_FLAGS,
  no: "A part of it ended by itself; the last lines say which.",
  usageExit: exitCodes.usage,
  warnsOfVariables: true,
  run: dev,
});

/** Dagster's own default. */
const UI_PORT = 3_000;
/** They would lead a part of it to another queue. */
const FOREIGN = ["TASKIQ_QUEUE_NAME", "TASKIQ_QUEUES", "TASKIQ_DLQ_URL", "TASKIQ_DLQ_NAME"];

/** Everything that one `taskiq dev` has. */
interface Bench {
  readonly config: DevConfig;
  readonly io: Io;
  readonly screen: Screen;
  readonly stop: StopRequests;
  readonly home: Home;
  readonly server: QueueServer;
  /** What another shell needs. */
  readonly variables: Readonly<Record<string, string>>;
  /** Of everything that is started. */
  readonly env: Env;
  readonly healthPort: number;
}

async function dev(config: DevConfig, io: Io, warnings: readonly string[]): Promise<ExitCode> {
  const screen = new Screen(io.stderr, io.env);
  const say = (text: string) => screen.say("taskiq", text);
  for (const warning of warnings) say(warning);
  const stop = listenForStop(io.signals, clock, ({ message }) => say(message), ["SIGINT", "SIGTERM", "SIGHUP"]);
  try {
    if (config.port !== null && !(await isFree(config.port))) {
      throw new Fault("TQ_CONFIG", `another program listens on port ${config.port} of 127.0.0.1 (--port)`);
    }
    await requirePackages(config.python, io.env, config);
    const home = openHome(config.home, io.machine.pid());
    try {
      return await atHome(config, io, screen, stop, home);
    } finally {
      home.close();
    }
  } finally {
    stop.close();
  }
}

async function atHome(config: DevConfig, io: Io, screen: Screen, stop: StopRequests, home: Home): Promise<ExitCode> {
  const server = await openQueueServer(config.queues);
  const mark = ["_TASKIQ_DEV", randomBytes(8).toString("hex")] as const;
  try {
    const healthPort = await freePort();
    const variables = variablesOf(config, home, server, healthPort);
    requireFitEnvFile(".env", variables, config.queues);
    home.write(variables);
    const env = { ...without(io.env, FOREIGN), ...variables, [mark[0]]: mark[1] };
    return await live({ config, io, screen, stop, home, server, variables, env, healthPort });
  } finally {
    // Run workers, which Dagster's code servers start, and processes that hang.
    await killMarked(mark.join("="), clock);
    await server.stop();
  }
}

function variablesOf(
  { python }: DevConfig,
  { path }: Home,
  { endpoint, queues }: QueueServer,
  healthPort: number,
): Readonly<Record<string, string>> {
  return {
    DAGSTER_HOME: path,
    TASKIQ_LOCAL_SQS: endpoint,
    TASKIQ_QUEUE_URL: queues[0]?.url ?? "",
    TASKIQ_LEDGER_URL: `sqlite:${join(path, "taskiq.sqlite")}`,
    TASKIQ_PYTHON: python.includes("/") ? resolve(python) : python,
    TASKIQ_WORKER_HEALTH_PORT: String(healthPort),
  };
}

async function live(bench: Bench): Promise<ExitCode> {
  const { config, io, screen, stop, home, server, variables, env, healthPort } = bench;
  const say = (text: string) => screen.say("taskiq", text);
  say(
    `starting ${config.ui ? "the queue, the worker and Dagster's UI" : "the queue and the worker"}; Ctrl-C ends everything`,
  );
  const place = {
    home: home.path,
    ledgerUrl: variables["TASKIQ_LEDGER_URL"] ?? "",
    sqs: server.endpoint,
    healthPort,
    env,
  };
  const worker = startWorker(config, place, io, stop, screen);
  let ui: Ui | null = null;
  try {
    // The databases of a fresh home are made by one process: two get into each other's way.
    if (home.fresh) await worker.ready;
    ui = config.ui && !stop.quiet.aborted ? await openUi(bench) : null;
    return await untilOver(bench, worker, ui);
  } finally {
    stop.begin("over");
    await worker.ended.catch(() => undefined);
    if (ui !== null) await endUi(ui, bench);
  }
}

async function openUi({ config, io, home, server, screen, env, stop }: Bench): Promise<Ui> {
  const port = config.port ?? (await freePortNear(UI_PORT));
  const onLine = (line: string) => {
    // A stop ends Dagster's processes in the middle of their work; what they say of that frightens
    // for nothing.
    if (!isDagsterDebug(line) && !stop.quiet.aborted) screen.say("dagster", line);
  };
  return new Ui({
    ...config,
    home: home.path,
    runMark: `${io.machine.hostname()} ${server.endpoint}`,
    port,
    env,
    onLine,
  });
}

/** Resolves when it was stopped, or a part ended by itself. Rejects with the worker's `Fault`. */
async function untilOver(bench: Bench, worker: DevWorker, ui: Ui | null): Promise<ExitCode> {
  const { screen, stop } = bench;
  const over = new AbortController();
  const stopped = aborted(stop.quiet).then(() => null);
  const ends = [
    worker.ended.then(() => (stop.quiet.aborted ? null : "the worker ended: its last lines say why")),
    ...(ui === null ? [] : [ui.program.ended.then((how) => `Dagster's UI ended: ${how}`)]),
  ];
  try {
    void serve(bench, worker, ui, over.signal);
    const why = await Promise.race([stopped, ...ends]);
    if (why === null) return exitCodes.done;
    screen.say("taskiq", `${why}; ending the rest`);
    return exitCodes.no;
  } finally {
    over.abort();
  }
}

/** Says what there is once it is there, and then has the UI follow the code. */
async function serve(bench: Bench, worker: DevWorker, ui: Ui | null, over: AbortSignal): Promise<void> {
  await Promise.all([worker.ready, ui?.ready(clock, over)]);
  if (over.aborted) return;
  bench.screen.say("taskiq", greeting(bench, ui));
  if (ui === null) return;
  const roots = rootsOf(bench.config.locationArgs);
  await watchSources(roots, clock, over, async () => bench.screen.say("taskiq", await ui.reload(over)));
}

/** Runs that wait for steps of a queue that is gone would wait forever. */
async function endUi(ui: Ui, { server, stop, screen }: Bench): Promise<void> {
  const left = await endRuns(ui, server, stop.now, clock).catch(() => 0);
  if (left > 0) screen.say("taskiq", `terminated ${counted(left, "unfinished run")}, because the queue ends here`);
  await ui.program.stop(stop.now);
}

function greeting({ config, home, server, variables }: Bench, ui: Ui | null): string {
  const queues = server.queues.map(({ name, deadLetterName }) => `${name} (dead letters: ${deadLetterName})`);
  return [
    "",
    ui === null ? "ready" : `ready: ${ui.url}`,
    `  queue   ${queues.join(", ")}; in memory, gone at the end`,
    `  worker  ${counted(config.concurrency, "step")} at a time`,
    `  home    ${home.path}`,
    "",
    `In another shell, for dagster and taskiq:  source ${shortest(home.variablesFile)}`,
    ...exportsOf(variables)
      .trimEnd()
      .split("\n")
      .map((line) => `  ${line}`),
    "",
  ].join("\n");
}

function shortest(path: string): string {
  const short = relative("", path);
  return short.startsWith("..") ? path : short;
}

/** The working directory, and where the flags say that code is. */
function rootsOf(args: readonly string[]): readonly string[] {
  const named = args.flatMap((flag, index) => {
    const value = args[index + 1] ?? "";
    if (flag === "--working-directory") return [resolve(value)];
    return flag === "--python-file" || flag === "--workspace" ? [dirname(resolve(value))] : [];
  });
  const all = [...new Set([resolve(""), ...named])];
  return all.filter((root) => !all.some((other) => other !== root && root.startsWith(`${other}/`)));
}
