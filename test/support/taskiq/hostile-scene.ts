// A deployment under attack, on either ledger: what the attacks send, and what became of each
// message.
import { join } from "node:path";
import type { TestContext } from "node:test";
import { readNote } from "../../../core/queue/dead-letter-note.ts";
import { ledgerDatabases } from "../ledger/ledger-database.ts";
import type { Deployment } from "./deployment.ts";
import type { WorkerProcess } from "./worker-process.ts";

/** The rows of a run, as "step attempt state starts". */
type Rows = (runId: string) => Promise<readonly string[]>;

export interface Scene {
  readonly deployment: Deployment;
  readonly ledgerEnv: Readonly<Record<string, string>>;
  readonly rows: Rows;
}

/** How long an attack may take on a machine that is busy with other tests. */
export const within = 120_000;

const databases = await ledgerDatabases();

async function onSqlite(_t: TestContext, deployment: Deployment): Promise<Scene> {
  const rows: Rows = async (runId) =>
    deployment.ledger(runId).map(({ step, state, starts }) => `${step.stepKey} ${step.attempt} ${state} ${starts}`);
  return { deployment, ledgerEnv: { TASKIQ_LEDGER_URL: `sqlite:${join(deployment.home, "taskiq.sqlite")}` }, rows };
}

async function onPostgres(t: TestContext, deployment: Deployment): Promise<Scene> {
  const { admin, target } = await databases.make(t);
  const url = `postgresql://${target.user}@${target.host}:${target.port}/${target.database}?sslmode=disable`;
  const rows: Rows = async (runId) => {
    const found = await admin`SELECT * FROM taskiq_idempotency_records WHERE run_id = ${runId}`;
    return found.map((row) => `${row["step_key"]} ${row["attempt"]} ${row["state"]} ${row["starts"]}`);
  };
  return { deployment, ledgerEnv: { TASKIQ_LEDGER_URL: url }, rows };
}

export const ledgers = { SQLite: onSqlite, Postgres: onPostgres } as const;

export function startWorker({ deployment, ledgerEnv }: Scene, envelopeKey: string): Promise<WorkerProcess> {
  return deployment.startWorker({
    flags: ["--concurrency", "4", "--sweep-interval", "1s"],
    env: { ...ledgerEnv, TASKIQ_ENVELOPE_KEY: envelopeKey },
  });
}

/** Why messages were buried, by their ids. */
export async function reasons({ deployment }: Scene): Promise<ReadonlyMap<string, string>> {
  const notes = (await deployment.deadLetters()).map(readNote).filter((note) => note !== null);
  return new Map(notes.map(({ message_id, reason }) => [message_id, reason]));
}

/** A message for the step of `one_success`. */
export function bodyOf(runId: string, fields: object = {}): string {
  const step = { run_id: runId, step_key: "succeed", retry_count: 0, retry_mode: "deferred" };
  return JSON.stringify({ version: 1, ...step, ...fields });
}

export const attribute = (stringValue: string) => ({ dataType: "String", stringValue });
