// Dagster's own web server, with a code location of one job that fails in its second step. Runs are
// executed within it, before their launch is answered.
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { freePort } from "../../../cli/dev/ports.ts";
import { eventually } from "../eventually.ts";
import { PYTHON } from "./dagster-sidecar.ts";

const code = `from dagster import Definitions, in_process_executor, job, op

@op
def first():
    return 1

@op
def second(first):
    raise ValueError("no")

@job(executor_def=in_process_executor)
def failing():
    second(first())

defs = Definitions(jobs=[failing])
`;

const instance = `telemetry:
  enabled: false
run_coordinator:
  module: dagster._core.run_coordinator
  class: DefaultRunCoordinator
run_launcher:
  module: dagster._core.launcher.sync_in_memory_run_launcher
  class: SyncInMemoryRunLauncher
`;

const LAUNCH = `mutation ($params: ExecutionParams!) {
  launchRun(executionParams: $params) { __typename ... on LaunchRunSuccess { run { runId } } ... on Error { message } }
}`;

const RUN = `query ($runId: ID!) {
  runOrError(runId: $runId) { ... on Run { stepKeysToExecute tags { key value } } }
}`;

interface Tag {
  readonly key: string;
  readonly value: string;
}

export class DagsterWebserver {
  readonly url: string;
  readonly #child: ChildProcess;
  readonly #lines: string[] = [];

  /** `home` becomes a Dagster instance of its own. */
  static async start(home: string, flags: readonly string[] = []): Promise<DagsterWebserver> {
    mkdirSync(home, { recursive: true });
    writeFileSync(join(home, "dagster.yaml"), instance);
    writeFileSync(join(home, "failing.py"), code);
    const server = new DagsterWebserver(home, await freePort(), flags);
    await server.#ready();
    return server;
  }

  private constructor(home: string, port: number, flags: readonly string[]) {
    this.url = `http://127.0.0.1:${port}`;
    const args = ["-h", "127.0.0.1", "-p", String(port), "-m", "failing", "-d", home, ...flags];
    const env = { PATH: process.env["PATH"] ?? "", HOME: home, DAGSTER_HOME: home };
    this.#child = spawn(PYTHON, ["-m", "dagster_webserver", ...args], {
      stdio: ["ignore", "ignore", "pipe"],
      env,
      cwd: home,
    });
    if (this.#child.stderr !== null)
      createInterface({ input: this.#child.stderr }).on("line", (line) => this.#lines.push(line));
  }

  /** Launches the job; answers the id of its run, which has failed by then. */
  async failedRun(): Promise<string> {
    const selector = { repositoryLocationName: "failing", repositoryName: "__repository__", jobName: "failing" };
    const { launchRun } = await this.#ask(LAUNCH, { params: { selector, runConfigData: {}, mode: "default" } });
    const runId = (launchRun as { run?: { runId: string } }).run?.runId;
    if (runId === undefined) throw new Error(`no run was launched: ${JSON.stringify(launchRun)}`);
    return runId;
  }

  /** What that run executes, and the tags it has. */
  async run(
    runId: string,
  ): Promise<{ readonly steps: readonly string[]; readonly tags: Readonly<Record<string, string>> }> {
    const { runOrError } = await this.#ask(RUN, { runId });
    const { stepKeysToExecute: steps, tags } = runOrError as { stepKeysToExecute: string[]; tags: Tag[] };
    return { steps, tags: Object.fromEntries(tags.map(({ key, value }) => [key, value])) };
  }

  /** Its code server ends with it. */
  async stop(): Promise<void> {
    if (this.#child.exitCode !== null) return;
    this.#child.kill("SIGINT");
    await once(this.#child, "exit");
  }

  async #ask(query: string, variables: object): Promise<Readonly<Record<string, unknown>>> {
    const response = await fetch(`${this.url}/graphql`, {
      method: "POST",
      headers: { "content-type": "application/json" },
      body: JSON.stringify({ query, variables }),
    });
    const { data, errors } = (await response.json()) as { data?: Record<string, unknown>; errors?: unknown };
    if (data == null || errors !== undefined) throw new Error(`Dagster answers ${JSON.stringify(errors)}`);
    return data;
  }

  /** It prints its readiness before it listens, so only an answer counts. */
  async #ready(): Promise<void> {
    const answers = () =>
      fetch(`${this.url}/server_info`).then(
        ({ ok }) => ok,
        () => false,
      );
    try {
      await eventually(
        "the web server answers or is gone",
        async () => this.#child.exitCode !== null || (await answers()),
        120_000,
      );
    } catch (error) {
      await this.stop();
      throw error;
    }
    if (this.#child.exitCode !== null) throw new Error(`the web server ended:\n${this.#lines.slice(-40).join("\n")}`);
  }
}
