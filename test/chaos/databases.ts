// Deployments whose ledger can be locked: beside Dagster's files, or in Dagster's PostgreSQL.
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import postgres, { type Sql } from "postgres";
import type { LedgerRow } from "../../core/ledger/port.ts";
import { ms } from "../../core/ledger/postgres/sql.ts";
import { readRow } from "../../core/ledger/rows.ts";
import { type PostgresServer, startPostgres } from "../support/postgres/postgres-server.ts";
import type { LocalSqs, QueuePair } from "../support/sqs/local-sqs.ts";
import { Deployment } from "../support/taskiq/deployment.ts";
import type { ChaosPlan } from "./plan.ts";

export interface LockableDeployment extends Deployment {
  /**
   * As another process's transaction would, while `during` lasts. Returns `false` when another
   * process has it locked, such as a stopped worker.
   */
  lockLedger(during: () => Promise<void>): Promise<boolean>;
}

export async function openDeployment(
  database: ChaosPlan["database"],
  sqs: LocalSqs,
  queues: QueuePair,
): Promise<LockableDeployment> {
  if (database === "sqlite") return new SqliteDeployment(sqs, queues);
  return new PostgresDeployment(sqs, queues, await startPostgres());
}

class SqliteDeployment extends Deployment implements LockableDeployment {
  async lockLedger(during: () => Promise<void>): Promise<boolean> {
    const db = new DatabaseSync(join(this.home, "taskiq.sqlite"));
    try {
      // Waiting would hold up this whole process, and with it SQS.
      db.exec("PRAGMA busy_timeout = 0");
      if (!begun(db)) return false;
      await during();
      db.exec("ROLLBACK");
      return true;
    } finally {
      db.close();
    }
  }
}

const INSTANTS = ["lease_expires_at", "received_at", "updated_at", "settled_at"];
/** In the types that `readRow` reads. Of columns with the same name, the driver takes the last. */
const ROWS = `SELECT *, attempt::float8 AS attempt, fence::float8 AS fence, outcome::text AS outcome, ${INSTANTS.map((name) => `${ms(name)} AS ${name}`).join(", ")}
FROM taskiq.taskiq_idempotency_records ORDER BY taskiq_idempotency_records.received_at, idempotency_key`;

class PostgresDeployment extends Deployment implements LockableDeployment {
  readonly #server: PostgresServer;
  readonly #sql: Sql;

  constructor(sqs: LocalSqs, queues: QueuePair, server: PostgresServer) {
    super(sqs, queues);
    this.#server = server;
    this.#sql = postgres(server.url, { max: 2, onnotice: () => undefined });
    // dagster-postgres brings psycopg2; SQLAlchemy 2.1 would take another driver.
    const url = server.url.replace("postgresql://", "postgresql+psycopg2://");
    const config = `telemetry:\n  enabled: false\nstorage:\n  postgres:\n    postgres_url: ${JSON.stringify(url)}\n`;
    writeFileSync(join(this.home, "dagster.yaml"), config);
  }

  override async rows(runId?: string): Promise<readonly LedgerRow[]> {
    const rows = await this.#sql.unsafe(ROWS);
    return rows.map(readRow).filter(({ step }) => runId === undefined || step.runId === runId);
  }

  async lockLedger(during: () => Promise<void>): Promise<boolean> {
    await this.#sql.begin(async (sql) => {
      await sql`LOCK TABLE taskiq.taskiq_idempotency_records IN ACCESS EXCLUSIVE MODE`;
      await during();
    });
    return true;
  }

  override async close(): Promise<void> {
    try {
      await super.close();
    } finally {
      await this.#sql.end();
      await this.#server.stop();
    }
  }
}

function begun(db: DatabaseSync): boolean {
  try {
    db.exec("BEGIN IMMEDIATE");
    return true;
  } catch (error) {
    if ((error as Error).message === "database is locked") return false;
    throw error;
  }
}
