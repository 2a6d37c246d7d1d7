// The ledger in a Postgres database, for a fleet of workers on any number of machines.

import { Fault } from "../../faults.ts";
import { SharedRequests } from "../../shared-requests.ts";
import { type ExecutionResult, settledState } from "../../step/step.ts";
import type { CutReceives } from "../cut-receives.ts";
import { InDoubt } from "../in-doubt.ts";
import { encodeOutcome } from "../outcome-text.ts";
import type {
  AbandonOptions,
  BegunReplay,
  Claim,
  ClaimRequest,
  Hold,
  Ledger,
  LedgerRow,
  Reopening,
  ReopenRequest,
  Replay,
  ReplayPlan,
  RowFilter,
} from "../port.ts";
import type { QuietRecords } from "../quiet-records.ts";
import { readBegunReplay, readBurialKey, readClaim, readReopening, readReplay, readRow } from "../rows.ts";
import type { LedgerSchema } from "../schema.ts";
import { postgresCutReceives } from "./cut-receives.ts";
import type { Parameter, Row, Run } from "./link.ts";
import { nameOf, openPool, type PostgresOptions } from "./open.ts";
import type { PostgresPool } from "./pool.ts";
import { postgresQuiet } from "./quiet.ts";
import { postgresSchema } from "./schema.ts";
import { statements } from "./sql.ts";

export interface PostgresLedgerOptions extends PostgresOptions {
  /** How long after a permitted lease's end its terminal event may still be committing. */
  readonly writeBoundMs: number;
}

const MAX_BATCH = 100;
/** How often a claim whose row changed while it was looked at is asked again. */
const CLAIM_ATTEMPTS = 10;

type Question<T> = T & { readonly key: string };
type ClaimQuestion = Question<{ readonly request: ClaimRequest; readonly token: string }>;
type PermitQuestion = Hold & { readonly leaseMs: number; readonly token: string };
type SettleQuestion = Hold & { readonly state: string; readonly outcome: string };
type AbandonQuestion = Hold & { readonly givenBack: number; readonly forgets: boolean; readonly binds: boolean };

export async function openPostgresSchema(options: PostgresOptions): Promise<LedgerSchema> {
  return postgresSchema(await openPool(options), options.target);
}

/**
 * Brings the schema up to date if the role may. Rejects with a `Fault`: `TQ_LEDGER` or
 * `TQ_LEDGER_SCHEMA`.
 */
export async function openPostgresLedger(options: PostgresLedgerOptions): Promise<Ledger> {
  const pool = await openPool(options);
  try {
    await postgresSchema(pool, options.target).migrate();
    return new PostgresLedger(pool, nameOf(options.target), options.writeBoundMs);
  } catch (error) {
    await pool.close();
    throw error;
  }
}

/** A statement changes a row once, so two questions about one row never share a statement. */
const oneRowEach = { max: MAX_BATCH, keyOf: ({ key }: { readonly key: string }) => key };

class PostgresLedger implements Ledger {
  readonly quiet: QuietRecords;
  readonly cutReceives: CutReceives;
  readonly burialKey = async () => readBurialKey((await this.#run("burialKey", []))[0]);
  readonly #pool: PostgresPool;
  readonly #name: string;
  readonly #writeBoundMs: number;
  readonly #inDoubt = new InDoubt();
  readonly #claims: SharedRequests<ClaimQuestion, Row>;
  readonly #permits: SharedRequests<PermitQuestion, boolean>;
  readonly #settles: SharedRequests<SettleQuestion, boolean>;
  readonly #abandons: SharedRequests<AbandonQuestion, boolean>;

  constructor(pool: PostgresPool, name: string, writeBoundMs: number) {
    this.#pool = pool;
    this.#name = name;
    this.#writeBoundMs = writeBoundMs;
    const run: Run = (text, parameters) => pool.ask((link, signal) => link.run(text, parameters, signal));
    this.quiet = postgresQuiet(run);
    this.cutReceives = postgresCutReceives(run);
    this.#claims = new SharedRequests<ClaimQuestion, Row>({
      ...oneRowEach,
      send: (questions) => this.#sendClaims(questions),
    });
    this.#permits = new SharedRequests<PermitQuestion, boolean>({
      ...oneRowEach,
      send: (questions) => this.#sendPermits(questions),
    });
    this.#settles = new SharedRequests<SettleQuestion, boolean>({
      ...oneRowEach,
      send: (questions) => this.#sendSettles(questions),
    });
    this.#abandons = new SharedRequests<AbandonQuestion, boolean>({
      ...oneRowEach,
      send: (questions) => this.#sendAbandons(questions),
    });
  }

  /**
   * Each reads its own answer, so that a row that cannot be read costs those nothing that were
   * claimed with it.
   */
  async claim(request: ClaimRequest): Promise<Claim> {
    const { key } = request;
    return readClaim(await this.#certainly(`claim ${key}`, (token) => this.#claims.ask({ key, request, token })), key);
  }

  async renew(holds: readonly Hold[], leaseMs: number): Promise<readonly boolean[]> {
    if (holds.length === 0) return [];
    const asked = holds.map(({ key, fence }) => ({ key, fence }));
    const renewed = await this.#run("renew", [JSON.stringify(asked), leaseMs]);
    const fences = new Map(renewed.map((row) => [row["idempotency_key"], row["fence"]]));
    return holds.map(({ key, fence }) => fences.get(key) === fence);
  }

  async permit({ key, fence }: Hold, leaseMs: number): Promise<"granted" | "refused"> {
    const ask = (token: string) => this.#permits.ask({ key, fence, leaseMs, token });
    return (await this.#certainly(`permit ${fence} ${key}`, ask)) ? "granted" : "refused";
  }

  async settle({ key, fence }: Hold, result: ExecutionResult): Promise<"recorded" | "stale"> {
    const end = { state: settledState(result), outcome: encodeOutcome(result) };
    return (await this.#settles.ask({ key, fence, ...end })) ? "recorded" : "stale";
  }

  async abandon({ key, fence }: Hold, options: AbandonOptions): Promise<"abandoned" | "stale"> {
    const givenBack = options.giveStartBack ? 1 : 0;
    const body = { forgets: options.body === "forget", binds: options.body === "bind" };
    return (await this.#abandons.ask({ key, fence, givenBack, ...body })) ? "abandoned" : "stale";
  }

  async find(key: string): Promise<LedgerRow | null> {
    const [found] = await this.#run("find", [key]);
    return found === undefined ? null : readRow(found);
  }

  async list({ runId, states, afterKey = "", limit }: RowFilter): Promise<readonly LedgerRow[]> {
    const ofRun = runId === undefined ? [] : [runId];
    const inStates = states === undefined ? [] : [JSON.stringify(states)];
    const statement = listStatement(ofRun.length > 0, inStates.length > 0);
    return (await this.#run(statement, [afterKey, ...ofRun, ...inStates, limit])).map(readRow);
  }

  async lock(name: string, owner: string, leaseMs: number): Promise<boolean> {
    return (await this.#run("lock", [name, owner, leaseMs])).length === 1;
  }

  async prune(beforeMs: number, limit: number): Promise<number> {
    return (await this.#run("prune", [beforeMs, limit])).length;
  }

  async planReplay(plan: ReplayPlan, deduplicationId: string): Promise<BegunReplay> {
    const { letterId, queueUrl, subject, act, who, why } = plan;
    const [begun] = await this.#run("planReplay", [letterId, queueUrl, subject, act, who, why, deduplicationId]);
    return readBegunReplay(begun ?? {});
  }

  async findReplay(letterId: string): Promise<Replay | null> {
    const [found] = await this.#run("findReplay", [letterId]);
    return found === undefined ? null : readReplay(found);
  }

  async advanceReplay(letterId: string, to: "sent" | "deleted", sentId: string | null): Promise<void> {
    await this.#run("advanceReplay", [letterId, to, sentId ?? ""]);
  }

  async reopen({ key, fence, payloadDigest, who, why }: ReopenRequest): Promise<"reopened" | "changed"> {
    const done = await this.#run("reopen", [key, this.#writeBoundMs, fence, payloadDigest ?? "", who, why]);
    return done.length === 1 ? "reopened" : "changed";
  }

  async reopenings(key: string): Promise<readonly Reopening[]> {
    return (await this.#run("reopenings", [key])).map(readReopening);
  }

  async ping(): Promise<void> {
    const [answer] = await this.#run("ping", []);
    if (answer?.["read_only"] !== "on") return;
    throw new Fault("TQ_LEDGER", `ledger ${this.#name}: it is read-only`, {
      hint: "After a failover, the address must lead to the new primary.",
    });
  }

  close(): Promise<void> {
    return this.#pool.close();
  }

  /**
   * A question that fails without an answer may have been committed: the next one under its name
   * has the same token.
   */
  async #certainly<A>(name: string, ask: (token: string) => Promise<A>): Promise<A> {
    const token = this.#inDoubt.token(name);
    try {
      const answer = await ask(token);
      this.#inDoubt.answered(name);
      return answer;
    } catch (error) {
      this.#inDoubt.unanswered(name, token);
      throw error;
    }
  }

  async #sendClaims(questions: readonly ClaimQuestion[]): Promise<readonly Row[]> {
    const answers = new Map<number, Row>();
    for (let attempt = 0; attempt < CLAIM_ATTEMPTS && answers.size < questions.length; attempt += 1) {
      const asked = questions.map(claimFields).filter(({ position }) => !answers.has(position));
      const found = await this.#run("claim", [JSON.stringify(asked), this.#writeBoundMs]);
      for (const row of found) answers.set(Number(row["position"]), row);
    }
    return questions.map(({ key }, position) => {
      const answer = answers.get(position);
      if (answer === undefined) throw new Fault("TQ_LEDGER", `ledger ${this.#name}: ${key} keeps changing hands`);
      return answer;
    });
  }

  #sendPermits(questions: readonly PermitQuestion[]): Promise<readonly boolean[]> {
    const fields = questions.map(({ leaseMs, ...rest }) => ({ ...rest, lease_ms: leaseMs }));
    return this.#confirm("permit", fields, []);
  }

  #sendSettles(questions: readonly SettleQuestion[]): Promise<readonly boolean[]> {
    return this.#confirm("settle", questions, []);
  }

  #sendAbandons(questions: readonly AbandonQuestion[]): Promise<readonly boolean[]> {
    const fields = questions.map(({ givenBack, ...rest }) => ({ ...rest, given_back: givenBack }));
    return this.#confirm("abandon", fields, [this.#writeBoundMs]);
  }

  /** The statement answers the positions of the questions that it says yes to. */
  async #confirm(
    statement: keyof typeof statements,
    questions: readonly object[],
    more: readonly Parameter[],
  ): Promise<readonly boolean[]> {
    const asked = questions.map((question, position) => ({ position, ...question }));
    const confirmed = await this.#run(statement, [JSON.stringify(asked), ...more]);
    const positions = new Set(confirmed.map((row) => row["position"]));
    return questions.map((_, position) => positions.has(position));
  }

  #run(statement: keyof typeof statements, parameters: readonly Parameter[]): Promise<readonly Row[]> {
    return this.#pool.ask((link, signal) => link.run(statements[statement], parameters, signal));
  }
}

function claimFields({ key, request, token }: ClaimQuestion, position: number) {
  const { step, owner, leaseMs, messageId, payloadDigest, receivedAtMs } = request;
  return {
    position,
    key,
    run_id: step.runId,
    step_key: step.stepKey,
    attempt: step.attempt,
    owner,
    lease_ms: leaseMs,
    message_id: messageId,
    payload_digest: payloadDigest,
    received_ms: receivedAtMs,
    token,
  };
}

function listStatement(ofRun: boolean, inStates: boolean): keyof typeof statements {
  if (ofRun) return inStates ? "listOfRunInStates" : "listOfRun";
  return inStates ? "listInStates" : "list";
}
