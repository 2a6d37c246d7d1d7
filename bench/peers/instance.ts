// A Dagster instance of the bench's own, on SQLite or on a PostgreSQL that nothing else uses, with
// an SQS server beside it.
import { type ChildProcess, fork } from "node:child_process";
import { once } from "node:events";
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import process from "node:process";
import { fileURLToPath } from "node:url";
import { type PostgresServer, startPostgres } from "../../test/support/postgres/postgres-server.ts";
import { createQueues, LOCAL_CREDENTIALS, LOCAL_REGION } from "../../test/support/sqs/local-sqs.ts";
import { totalCpu } from "./cpu-account.ts";
import { processTree } from "./process-tree.ts";

export type Storage = "SQLite" | "Postgres";

const sqsServer = fileURLToPath(new URL("sqs-server.ts", import.meta.url));

export class Instance {
  readonly storage: Storage;
  readonly home = mkdtempSync(join(tmpdir(), "taskiq-bench-"));
  /**
   * What the worker's `--ledger-url` gets: beside Dagster's tables, as a small deployment has it.
   */
  readonly ledgerUrl: string;
  readonly postgresUrl: string | null;
  readonly #postgres: PostgresServer | null;
  readonly #postmaster: number | null;
  readonly #sqs: ChildProcess;
  readonly #endpoint: string;
  #queues = 0;

  static async open(storage: Storage): Promise<Instance> {
    const postgres = storage === "Postgres" ? await startPostgres() : null;
    const sqs = fork(sqsServer, { execArgv: [] });
    const [{ endpoint }] = (await once(sqs, "message")) as [{ endpoint: string }];
    return new Instance(storage, postgres, sqs, endpoint);
  }

  private constructor(storage: Storage, postgres: PostgresServer | null, sqs: ChildProcess, endpoint: string) {
    this.storage = storage;
    this.#postgres = postgres;
    this.postgresUrl = postgres?.url ?? null;
    this.#postmaster = postgres === null ? null : youngestPostmaster();
    this.#sqs = sqs;
    this.#endpoint = endpoint;
    this.ledgerUrl = postgres?.url ?? `sqlite:${join(this.home, "taskiq.sqlite")}`;
    writeFileSync(join(this.home, "dagster.yaml"), dagsterYaml(this.postgresUrl));
    mkdirSync(join(this.home, "state"), { mode: 0o700 });
  }

  /** For run workers and workers alike; nothing of the developer's own settings. */
  env(queueUrl: string | null = null): Readonly<Record<string, string>> {
    return {
      PATH: process.env["PATH"] ?? "",
      HOME: this.home,
      DAGSTER_HOME: this.home,
      TASKIQ_STATE_DIR: join(this.home, "state"),
      AWS_ENDPOINT_URL_SQS: this.#endpoint,
      AWS_REGION: LOCAL_REGION,
      AWS_ACCESS_KEY_ID: LOCAL_CREDENTIALS.accessKeyId,
      AWS_SECRET_ACCESS_KEY: LOCAL_CREDENTIALS.secretAccessKey,
      ...(queueUrl === null ? {} : { TASKIQ_QUEUE_URL: queueUrl }),
    };
  }

  /** A queue of its own for each worker. */
  async createQueue(): Promise<string> {
    this.#queues += 1;
    const local = { endpoint: this.#endpoint, inspect: async () => [], stop: async () => undefined };
    return (await createQueues(local, `bench-${this.#queues}`, { maxReceiveCount: 50 })).url;
  }

  /** CPU of the PostgreSQL server, its backends included, those that have ended too. */
  postgresCpu(): number {
    return this.#postmaster === null ? 0 : totalCpu(this.#postmaster);
  }

  /** Bytes of the largest message that was sent. */
  async largestMessage(): Promise<number> {
    this.#sqs.send("largest");
    const [{ largest }] = (await once(this.#sqs, "message")) as [{ largest: number }];
    return largest;
  }

  async close(): Promise<void> {
    if (this.#sqs.connected) this.#sqs.disconnect();
    await this.#postgres?.stop();
    rmSync(this.home, { recursive: true, force: true });
  }
}

/** The one that was just started: the bench may have others. */
function youngestPostmaster(): number {
  const tree = processTree(process.pid);
  const servers = tree.filter(({ pid }) => tree.some(({ name, parent }) => name === "postgres" && parent === pid));
  const postmasters = servers.filter(({ name }) => name === "postgres").map(({ pid }) => pid);
  if (postmasters.length === 0) throw new Error("expected a PostgreSQL server below this process, found none");
  return Math.max(...postmasters);
}

function dagsterYaml(postgresUrl: string | null): string {
  const telemetry = "telemetry:\n  enabled: false\n";
  if (postgresUrl === null) return telemetry;
  // Without a driver's name SQLAlchemy 2.1 takes psycopg; dagster-postgres has psycopg2.
  const url = postgresUrl.replace("postgresql://", "postgresql+psycopg2://");
  return `${telemetry}storage:\n  postgres:\n    postgres_url: ${JSON.stringify(url)}\n`;
}
