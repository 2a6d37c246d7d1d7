// The ledger in one SQLite file, for the worker processes of one machine. Production fleets share a
// database instead.
import { statSync } from "node:fs";
import type { DatabaseSync, SQLInputValue } from "node:sqlite";
import type { Clock } from "../../clock.ts";
import { Fault, isOneRowsFault } from "../../faults.ts";
import { SharedRequests } from "../../shared-requests.ts";
import { type ExecutionResult, settledState } from "../../step/step.ts";
import { abandonedUntilMs, claimable, claimedDigest } from "../claimable.ts";
import type { CutReceives } from "../cut-receives.ts";
import { encodeOutcome } from "../outcome-text.ts";
import type {
  AbandonOptions,
  Claim,
  ClaimRequest,
  Hold,
  Ledger,
  LedgerRow,
  ReopenRequest,
  ReplayPlan,
  RowFilter,
} from "../port.ts";
import type { QuietRecords } from "../quiet-records.ts";
import { readBurialKey, readRow } from "../rows.ts";
import { sqliteCutReceives } from "./cut-receives.ts";
import { sqliteFault } from "./faults.ts";
import { openDatabase } from "./open.ts";
import * as operators from "./operator-records.ts";
import { sqliteQuiet } from "./quiet.ts";
import { listStatement, prepareStatements, type Statements } from "./statements.ts";
import { inTransaction, type SqliteRecordPorts } from "./transaction.ts";

export interface SqliteLedgerOptions {
  readonly path: string;
  /**
   * The processes that share the file share the machine's clock; its steps shift leases by as much.
   */
  readonly clock: Pick<Clock, "wallMs">;
  /** How long after a permitted lease's end its terminal event may still be committing. */
  readonly writeBoundMs: number;
  /**
   * How long a call waits for another process's transaction, by default 2,000 ms. SQLite waits in
   * the calling thread, so nothing else in the worker moves meanwhile; transactions here take a few
   * milliseconds.
   */
  readonly busyTimeoutMs?: number;
}

/**
 * Creates or migrates the file. Rejects with a `Fault`: `TQ_LEDGER` or, for a schema it does not
 * know, `TQ_LEDGER_SCHEMA`.
 */
export async function openSqliteLedger(options: SqliteLedgerOptions): Promise<Ledger> {
  const db = openDatabase(options.path, options.busyTimeoutMs ?? 2000, options.clock.wallMs());
  return new SqliteLedger(db, options);
}

/**
 * One transaction, and one wait for the disk, for all that the calls of one turn of the event loop
 * want to write.
 */
const MAX_BATCH = 100;

/**
 * Fences of a row only grow, for as long as the row is there. A pruned row's next claim starts at 1
 * again, which is why rows are pruned only long after the queue has forgotten the message.
 */
class SqliteLedger implements Ledger {
  readonly quiet: QuietRecords;
  readonly cutReceives: CutReceives;
  readonly burialKey = async () => this.#reach(() => readBurialKey(this.#statements.burialKey.get()));
  readonly #db: DatabaseSync;
  readonly #statements: Statements;
  readonly #path: string;
  readonly #inode: number;
  readonly #clock: Pick<Clock, "wallMs">;
  readonly #writeBoundMs: number;
  readonly #writes: SharedRequests<() => unknown, unknown>;

  constructor(db: DatabaseSync, { path, clock, writeBoundMs }: SqliteLedgerOptions) {
    this.#db = db;
    this.#statements = prepareStatements(db);
    this.#path = path;
    this.#inode = statSync(path).ino;
    this.#clock = clock;
    this.#writeBoundMs = writeBoundMs;
    const all = (writes: readonly (() => unknown)[]) => inTransaction(db, () => writes.map((write) => write()));
    this.#writes = new SharedRequests({ max: MAX_BATCH, send: async (writes) => this.#reach(() => all(writes)) });
    const records: SqliteRecordPorts = {
      db,
      nowMs: clock.wallMs,
      write: (work) => this.#write(work),
      read: (work) => this.#reach(work),
    };
    this.quiet = sqliteQuiet(records);
    this.cutReceives = sqliteCutReceives(records);
  }

  async claim(request: ClaimRequest): Promise<Claim> {
    return this.#write(() => this.#claimLocked(request));
  }

  async renew(holds: readonly Hold[], leaseMs: number): Promise<readonly boolean[]> {
    if (holds.length === 0) return [];
    const pairs = JSON.stringify(holds.map(({ key, fence }) => [key, fence]));
    const renewed = this.#reach(() => this.#statements.renew.all({ holds: pairs, ...this.#lease(leaseMs) }));
    const fences = new Map(renewed.map((row) => [row["idempotency_key"], row["fence"]]));
    return holds.map(({ key, fence }) => fences.get(key) === fence);
  }

  async permit({ key, fence }: Hold, leaseMs: number): Promise<"granted" | "refused"> {
    return this.#write(() =>
      this.#changes("permit", { key, fence, ...this.#lease(leaseMs) }) ? "granted" : "refused",
    );
  }

  async settle({ key, fence }: Hold, result: ExecutionResult): Promise<"recorded" | "stale"> {
    const outcome = encodeOutcome(result);
    return this.#write(() => {
      const written = { key, fence, outcome, state: settledState(result), now: this.#clock.wallMs() };
      if (this.#changes("settle", written)) return "recorded";
      return this.#holds("settledAs", { key, fence, outcome }) ? "recorded" : "stale";
    });
  }

  async abandon({ key, fence }: Hold, options: AbandonOptions): Promise<"abandoned" | "stale"> {
    const givenBack = options.giveStartBack ? 1 : 0;
    const forgets = options.body === "forget" ? 1 : 0;
    const binds = options.body === "bind" ? 1 : 0;
    return this.#write(() => {
      const now = this.#clock.wallMs();
      const permittedUntil = abandonedUntilMs("permitted", now, this.#writeBoundMs);
      const written = { key, fence, now, permittedUntil, givenBack, forgets, binds };
      if (this.#changes("abandon", written)) return "abandoned";
      return this.#holds("abandonedAs", { key, fence }) ? "abandoned" : "stale";
    });
  }

  async find(key: string): Promise<LedgerRow | null> {
    return this.#reach(() => this.#findNow(key));
  }

  async list({ runId, states, afterKey, limit }: RowFilter): Promise<readonly LedgerRow[]> {
    const page = { after: afterKey ?? "", limit };
    const ofRun = runId === undefined ? {} : { runId };
    const inStates = states === undefined ? {} : { states: JSON.stringify(states) };
    const statement = listStatement(runId !== undefined, states !== undefined);
    return this.#reach(() => this.#statements[statement].all({ ...page, ...ofRun, ...inStates }).map(readRow));
  }

  async lock(name: string, owner: string, leaseMs: number): Promise<boolean> {
    return this.#changes("lock", { name, owner, ...this.#lease(leaseMs) });
  }

  async prune(before: number, limit: number): Promise<number> {
    return this.#reach(() => Number(this.#statements.prune.run({ before, limit }).changes));
  }

  planReplay(plan: ReplayPlan, deduplicationId: string) {
    return this.#write(() => operators.planReplay(this.#db, plan, deduplicationId, this.#clock.wallMs()));
  }

  async findReplay(letterId: string) {
    return this.#reach(() => operators.findReplay(this.#db, letterId));
  }

  advanceReplay(letterId: string, to: "sent" | "deleted", sentId: string | null) {
    return this.#write(() => operators.advanceReplay(this.#db, letterId, to, sentId, this.#clock.wallMs()));
  }

  reopen(request: ReopenRequest) {
    const row = () => this.#findNow(request.key);
    return this.#write(() => operators.reopen(this.#db, row(), request, this.#clock.wallMs(), this.#writeBoundMs));
  }

  async reopenings(key: string) {
    return this.#reach(() => operators.reopenings(this.#db, key));
  }

  async ping(): Promise<void> {
    this.#reach(() => this.#statements.ping.get());
    // SQLite goes on writing to a deleted file, and a worker that opens the path next would run the
    // same steps from a new ledger.
    if (statSync(this.#path, { throwIfNoEntry: false })?.ino === this.#inode) return;
    throw new Fault("TQ_LEDGER", `ledger ${this.#path}: the file was deleted or replaced while in use`, {
      hint: "Restart the workers that use it.",
    });
  }

  async close(): Promise<void> {
    if (this.#db.isOpen) this.#db.close();
  }

  #claimLocked(request: ClaimRequest): Claim {
    const row = this.#findNow(request.key);
    if (row === null) return this.#claimFresh(request);
    const answer = claimable(row, this.#clock.wallMs(), this.#writeBoundMs);
    if (answer.kind === "held") return answer;
    if (answer.kind === "free") return this.#takeOver(request, row, answer.takenOverFrom);
    if (row.outcome === null) throw new Error(`the settled row ${row.key} was read without its outcome`);
    return { ...answer, outcome: row.outcome };
  }

  #claimFresh(request: ClaimRequest): Claim {
    const { key, payloadDigest } = request;
    // Field by field: SQLite refuses parameters that its statement does not name, and a step may be
    // more than its identity.
    const { runId, stepKey, attempt } = request.step;
    this.#statements.insert.run({ key, runId, stepKey, attempt, digest: payloadDigest, ...this.#claimed(request) });
    return { kind: "granted", fence: 1, starts: 1, takenOverFrom: null, payloadDigest };
  }

  #takeOver(request: ClaimRequest, row: LedgerRow, takenOverFrom: string | null): Claim {
    const fence = row.fence + 1;
    const payloadDigest = claimedDigest(row, request.payloadDigest);
    this.#statements.takeOver.run({ key: request.key, fence, digest: payloadDigest, ...this.#claimed(request) });
    return { kind: "granted", fence, starts: row.starts + 1, takenOverFrom, payloadDigest };
  }

  #claimed({ owner, leaseMs, messageId, receivedAtMs }: ClaimRequest) {
    return { owner, messageId, receivedAt: receivedAtMs, ...this.#lease(leaseMs) };
  }

  #lease(leaseMs: number): { now: number; leaseUntil: number } {
    const now = this.#clock.wallMs();
    return { now, leaseUntil: now + leaseMs };
  }

  #findNow(key: string): LedgerRow | null {
    const found = this.#statements.find.get(key);
    return found === undefined ? null : readRow(found);
  }

  /**
   * Writes in the order asked. A row that cannot be read or written costs the others of its
   * transaction nothing: it wrote nothing.
   */
  async #write<T>(work: () => T): Promise<T> {
    const answer = await this.#writes.ask(() => this.#orItsFault(work));
    if (answer instanceof Fault) throw answer;
    return answer as T;
  }

  #changes(statement: keyof Statements, values: Record<string, SQLInputValue>): boolean {
    return this.#reach(() => this.#statements[statement].run(values).changes === 1);
  }

  #holds(statement: keyof Statements, values: Record<string, SQLInputValue>): boolean {
    return this.#reach(() => this.#statements[statement].get(values) !== undefined);
  }

  #reach<T>(work: () => T): T {
    if (!this.#db.isOpen) throw new Fault("TQ_LEDGER", `ledger ${this.#path}: it is closed`);
    try {
      return work();
    } catch (error) {
      throw sqliteFault(this.#path, error);
    }
  }

  #orItsFault<T>(work: () => T): T | Fault {
    try {
      return this.#reach(work);
    } catch (error) {
      if (isOneRowsFault(error)) return error;
      throw error;
    }
  }
}
