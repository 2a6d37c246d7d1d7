// A whole deployment in a temporary directory: a Dagster instance, a queue on a real SQS server
// over HTTP, a ledger, and workers.
import assert from "node:assert/strict";
import { randomUUID } from "node:crypto";
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import type { TestContext } from "node:test";
import type { LedgerRow } from "../../../core/ledger/port.ts";
import { readRow } from "../../../core/ledger/rows.ts";
import { DagsterSidecar, DEFINITIONS_PARENT, PYTHON } from "../dagster/dagster-sidecar.ts";
import { fillHome } from "../dagster/new-home.ts";
import { eventually } from "../eventually.ts";
import { startFauxqsServer } from "../sqs/fauxqs.ts";
import {
  awsVariables,
  createQueues,
  type InspectedMessage,
  type LocalSqs,
  type QueuePair,
  sendMessage,
  type TestMessage,
} from "../sqs/local-sqs.ts";
import { noneMarked } from "./marked-processes.ts";
import { WorkerProcess, type WorkerProcessOptions } from "./worker-process.ts";

/** How often the executor looks for events; its default is for people, not for tests. */
const EXECUTOR_POLL_SECONDS = "0.1";

/** An import of Dagster takes two seconds of CPU, and may have to wait for many others. */
const START_MS = 180_000;
const EXPLAINED_RUNS = 3;

/** A closed intake looks again after half a minute at the most, and a look takes its time, too. */
export const OPEN_AGAIN_MS = 60_000;

export interface WorkerOptions extends Partial<WorkerProcessOptions> {
  /** Added to the flags that every worker gets; a repeated flag's last value counts. */
  readonly flags?: readonly string[];
  readonly id?: string;
}

export interface OtherQueue {
  readonly url: string;
  send(message: TestMessage): Promise<string>;
  queued(): Promise<readonly InspectedMessage[]>;
  deadLetters(): Promise<readonly InspectedMessage[]>;
}

export class Deployment {
  readonly home: string;
  readonly #sqs: LocalSqs;
  readonly #queues: QueuePair;
  readonly #variables: Readonly<Record<string, string>>;
  #dagster: DagsterSidecar | null = null;
  readonly #workers: WorkerProcess[] = [];
  #files = 0;

  /**
   * `maxReceiveCount` is SQS's own: high, so that what is seen is our doing. `variables` are for
   * the run workers and workers.
   */
  static async open(maxReceiveCount = 50, variables: Readonly<Record<string, string>> = {}): Promise<Deployment> {
    const sqs = await startFauxqsServer();
    return new Deployment(sqs, await createQueues(sqs, "steps", { maxReceiveCount }), variables);
  }

  constructor(sqs: LocalSqs, queues: QueuePair, variables: Readonly<Record<string, string>> = {}) {
    this.#sqs = sqs;
    this.#queues = queues;
    this.#variables = variables;
    this.home = mkdtempSync(join(tmpdir(), "taskiq-e2e-"));
    fillHome(this.home);
  }

  /** Started on first use: it takes seconds to import Dagster. */
  get dagster(): DagsterSidecar {
    this.#dagster ??= new DagsterSidecar({ env: this.env });
    return this.#dagster;
  }

  /**
   * Where everything is, for run workers and taskiq workers alike; nothing of the developer's own
   * settings.
   */
  get env(): Readonly<Record<string, string>> {
    return {
      PATH: process.env["PATH"] ?? "",
      HOME: this.home,
      DAGSTER_HOME: this.home,
      // Of its own: no other test's quiet reaches its workers.
      TASKIQ_STATE_DIR: join(this.home, "state"),
      TASKIQ_QUEUE_URL: this.#queues.url,
      ...awsVariables(this.#sqs),
      DAGSTER_STEP_DELEGATING_EXECUTOR_SLEEP_SECONDS: EXECUTOR_POLL_SECONDS,
      ...this.#variables,
    };
  }

  /** Starts `taskiq run` without waiting for anything. */
  spawnWorker({ flags = [], id = "worker-1", env = {}, ...rest }: WorkerOptions = {}): WorkerProcess {
    const args = [
      "run",
      ...["--worker-id", id, "--python", PYTHON, "-m", "definitions", "-d", DEFINITIONS_PARENT],
      ...["--health-port", "0", "--wait-time", "1s", "--visibility-timeout", "10s", "--log-format", "json"],
      ...["--log-level", "debug", ...flags],
    ];
    const worker = new WorkerProcess({ args, env: { ...this.env, ...env }, ...rest });
    this.#workers.push(worker);
    return worker;
  }

  /** Starts `taskiq run` and waits until it takes steps. */
  async startWorker(options: WorkerOptions = {}): Promise<WorkerProcess> {
    const worker = this.spawnWorker(options);
    await eventually(
      "the worker is ready or gone",
      () => !worker.running || worker.count("worker.started") > 0,
      START_MS,
    );
    if (!worker.running) throw new Error(`the worker ended before it was ready:\n${worker.tail()}`);
    return worker;
  }

  /** Rows of the ledger, one run's or all. */
  ledger(runId?: string): readonly LedgerRow[] {
    const path = join(this.home, "taskiq.sqlite");
    if (!existsSync(path)) return [];
    const db = new DatabaseSync(path, { readOnly: true });
    try {
      const rows = db.prepare("SELECT * FROM taskiq_idempotency_records ORDER BY received_at, idempotency_key").all();
      return rows.map(readRow).filter(({ step }) => runId === undefined || step.runId === runId);
    } finally {
      db.close();
    }
  }

  /** The same, of whatever database the ledger is in. */
  async rows(runId?: string): Promise<readonly LedgerRow[]> {
    return this.ledger(runId);
  }

  /** Another queue beside the deployment's own, with its dead letter queue. */
  async addQueue(name: string): Promise<OtherQueue> {
    const pair = await createQueues(this.#sqs, name, { maxReceiveCount: 50 });
    return {
      url: pair.url,
      send: (message) => sendMessage(this.#sqs, pair.url, message),
      queued: () => this.#sqs.inspect(pair.name),
      deadLetters: () => this.#sqs.inspect(pair.deadLetterName),
    };
  }

  queued(): Promise<readonly InspectedMessage[]> {
    return this.#sqs.inspect(this.#queues.name);
  }

  deadLetters(): Promise<readonly InspectedMessage[]> {
    return this.#sqs.inspect(this.#queues.deadLetterName);
  }

  send(message: TestMessage): Promise<string> {
    return sendMessage(this.#sqs, this.#queues.url, message);
  }

  /**
   * As a writer of the dead letter queue does: without a receive, or a burial. Answers the message
   * id.
   */
  forgeLetter(message: Pick<TestMessage, "body" | "attributes">, id: string = randomUUID()): Promise<string> {
    return sendMessage(this.#sqs, this.#queues.deadLetterUrl, { ...message, groupId: id, deduplicationId: id });
  }

  /** Waits until the queue holds nothing, in flight or not. */
  async queueEmpty(withinMs = 20_000): Promise<void> {
    await eventually("the queue is empty", async () => (await this.queued()).length === 0, withinMs);
  }

  /**
   * Paths of files that are not there yet, for the jobs that wait for one or leave traces in one.
   */
  files(): { readonly started: string; readonly release: string; readonly trace: string } {
    this.#files += 1;
    const folder = join(this.home, "files", String(this.#files));
    mkdirSync(folder, { recursive: true });
    return { started: join(folder, "started"), release: join(folder, "release"), trace: join(folder, "trace") };
  }

  /** For `afterEach`: what is needed to understand a failure that happened on another machine. */
  async explain(t: TestContext | { readonly passed?: boolean }): Promise<void> {
    if ((t as { passed?: boolean }).passed !== false) return;
    for (const worker of this.#workers) console.error(`── worker ${worker.pid} ──\n${worker.tail()}`);
    console.error(`── sidecar ──\n${this.dagster.tail()}`);
    const runIds = [...new Set(this.ledger().map(({ step }) => step.runId))];
    for (const runId of runIds.slice(-EXPLAINED_RUNS)) {
      const records = await this.dagster.records(runId);
      const lines = records.map(
        ({ type, step, message }) => `${type ?? "log"}  ${step ?? "-"}  ${message.slice(0, 200)}`,
      );
      console.error(`── run ${runId} (${await this.dagster.status(runId)}) ──\n${lines.join("\n")}`);
    }
    const rows = this.ledger().filter(({ step }) => runIds.slice(-EXPLAINED_RUNS).includes(step.runId));
    console.error(`── ledger ──\n${rows.map((row) => JSON.stringify(row)).join("\n")}`);
    console.error(`── queue ──\n${JSON.stringify(await this.queued(), null, 1)}`);
  }

  /**
   * Ends everything. Rejects when a process is left although everything it belonged to was ended
   * properly, and when the log of a worker does not tell how a delivery ended.
   */
  async close(): Promise<void> {
    for (const worker of this.#workers) if (worker.running) await worker.stop();
    await this.#dagster?.stop();
    try {
      await noneMarked(`DAGSTER_HOME=${this.home}`);
      assert.deepEqual(
        this.#workers.flatMap(({ untold }) => untold),
        [],
      );
    } finally {
      await this.#sqs.stop();
      rmSync(this.home, { recursive: true, force: true });
    }
  }
}

/**
 * The JSON that `waits_for_file` and `hook_waits` leave once they wait; `parent` is the step host.
 */
export async function announced(started: string): Promise<{ readonly pid: number; readonly parent: number }> {
  return await eventually(
    `${started} is written`,
    () => existsSync(started) && (JSON.parse(readFileSync(started, "utf8")) as { pid: number; parent: number }),
  );
}
