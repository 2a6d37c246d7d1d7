// Workers of the built bundle on the tests' SQS server. Their step host has no Dagster, for tests
// that are not about what steps do.
import { rmSync } from "node:fs";
import { join } from "node:path";
import type { SuiteContext, TestContext } from "node:test";
import { homeWithHost } from "../dagster/step-hosts.ts";
import { awsVariables, type LocalSqs } from "../sqs/local-sqs.ts";
import { type SqsServer, startSqsServer } from "../sqs/server/http.ts";
import { asLocalSqs } from "../sqs/server/local.ts";
import type { Variables } from "./run-taskiq.ts";
import { WorkerProcess } from "./worker-process.ts";

export class WorkersWithoutDagster {
  readonly server: SqsServer;
  readonly sqs: LocalSqs;
  /** The home of the test that runs. */
  home = "";
  /** How many tests have begun, for names of their own. */
  tests = 0;
  readonly #name: string;
  readonly #started: WorkerProcess[] = [];

  private constructor(name: string, server: SqsServer) {
    this.#name = name;
    this.server = server;
    this.sqs = asLocalSqs(server);
  }

  static async open(name: string): Promise<WorkersWithoutDagster> {
    return new WorkersWithoutDagster(name, await startSqsServer());
  }

  begin(): void {
    this.tests += 1;
    this.home = homeWithHost(this.#name);
  }

  /** Starts taskiq with what it needs of the machine, and these variables. */
  start(args: readonly string[], variables: Variables): WorkerProcess {
    const env = { PATH: process.env["PATH"] ?? "", HOME: this.home, ...variables };
    const made = new WorkerProcess({ args, env });
    this.#started.push(made);
    return made;
  }

  /** Starts a worker. `state` is the folder of its control file, in the home. */
  startWorker(args: readonly string[], state: string, variables: Variables = {}): WorkerProcess {
    return this.start(args, {
      DAGSTER_HOME: this.home,
      TASKIQ_STATE_DIR: join(this.home, state),
      TASKIQ_PYTHON: join(this.home, "python"),
      TASKIQ_WORKER_HEALTH_PORT: "0",
      ...awsVariables(this.sqs),
      ...variables,
    });
  }

  /** Ends what the test has started. Prints the log of each process if the test failed. */
  async end(t: TestContext | SuiteContext): Promise<void> {
    const failed = (t as { readonly passed?: boolean }).passed === false;
    for (const each of this.#started.splice(0)) {
      if (failed) console.error(each.tail());
      if (each.running) await each.stop();
    }
    rmSync(this.home, { recursive: true, force: true });
  }

  async close(): Promise<void> {
    await this.server.stop();
  }
}
