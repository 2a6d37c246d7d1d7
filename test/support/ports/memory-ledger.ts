// The ledger in memory: for unit tests and the simulation, and the second implementation that keeps
// the contract suite honest.
import { randomBytes } from "node:crypto";
import type { Clock } from "../../../core/clock.ts";
import { Fault } from "../../../core/faults.ts";
import { abandonedUntilMs, claimable, claimedDigest } from "../../../core/ledger/claimable.ts";
import type { CutReceives } from "../../../core/ledger/cut-receives.ts";
import { encodeOutcome } from "../../../core/ledger/outcome-text.ts";
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
} from "../../../core/ledger/port.ts";
import type { QuietRecords } from "../../../core/ledger/quiet-records.ts";
import { type ExecutionResult, settledState } from "../../../core/step/step.ts";
import { memoryCutReceives } from "./memory-cut-receives.ts";
import { memoryQuiet } from "./memory-quiet.ts";

export interface MemoryLedgerOptions {
  readonly clock: Pick<Clock, "wallMs">;
  readonly writeBoundMs: number;
  /** Absent: a random one. */
  readonly burialKey?: string;
}

type HeldRow = LedgerRow & { readonly state: "running" | "permitted" };

export class MemoryLedger implements Ledger {
  readonly quiet: QuietRecords;
  readonly cutReceives: CutReceives;
  readonly #rows = new Map<string, LedgerRow>();
  readonly #locks = new Map<string, { readonly owner: string; readonly untilMs: number }>();
  readonly #replays = new Map<string, BegunReplay>();
  readonly #reopenings: Reopening[] = [];
  readonly #clock: Pick<Clock, "wallMs">;
  readonly #writeBoundMs: number;
  readonly #burialKey: string;
  #closed = false;

  constructor({ clock, writeBoundMs, burialKey }: MemoryLedgerOptions) {
    this.#burialKey = burialKey ?? randomBytes(32).toString("hex");
    this.#clock = clock;
    this.#writeBoundMs = writeBoundMs;
    const nowMs = () => {
      this.#open();
      return clock.wallMs();
    };
    this.quiet = memoryQuiet(nowMs);
    this.cutReceives = memoryCutReceives(nowMs);
  }

  async claim(request: ClaimRequest): Promise<Claim> {
    const row = this.#open().get(request.key);
    if (!Number.isSafeInteger(request.step.attempt))
      throw new Fault("TQ_LEDGER_REFUSED", "ledger in memory: no column holds it");
    if (row === undefined) return this.#grant(request, undefined, null);
    const answer = claimable(row, this.#clock.wallMs(), this.#writeBoundMs);
    if (answer.kind === "held") return answer;
    if (answer.kind === "free") return this.#grant(request, row, answer.takenOverFrom);
    if (row.outcome === null) throw new Error(`settled row ${row.key} has no outcome`);
    return { ...answer, outcome: row.outcome };
  }

  async renew(holds: readonly Hold[], leaseMs: number): Promise<readonly boolean[]> {
    this.#open();
    return holds.map((hold) => {
      if (this.#update(hold, () => ({ leaseExpiresAtMs: this.#clock.wallMs() + leaseMs }))) return true;
      const row = this.#rows.get(hold.key);
      return row?.fence === hold.fence && row.settledAtMs !== null;
    });
  }

  async permit(hold: Hold, leaseMs: number): Promise<"granted" | "refused"> {
    if (this.#held(hold)?.state !== "running") return "refused";
    const leaseExpiresAtMs = this.#clock.wallMs() + leaseMs;
    this.#update(hold, () => ({ state: "permitted", leaseExpiresAtMs }));
    return "granted";
  }

  async settle(hold: Hold, result: ExecutionResult): Promise<"recorded" | "stale"> {
    const text = encodeOutcome(result);
    const end = {
      state: settledState(result),
      outcome: JSON.parse(text) as ExecutionResult,
      settledAtMs: this.#clock.wallMs(),
    };
    if (this.#update(hold, () => ({ ...end, leaseExpiresAtMs: null }))) return "recorded";
    const row = this.#rows.get(hold.key);
    const same = row?.fence === hold.fence && row.outcome !== null && encodeOutcome(row.outcome) === text;
    return same ? "recorded" : "stale";
  }

  /** Settles a row that no permit was granted for, as a recorder does in its transaction. */
  settleUnpermitted(hold: Hold, result: ExecutionResult): boolean {
    if (this.#held(hold)?.state !== "running") return false;
    void this.settle(hold, result);
    return true;
  }

  async abandon(hold: Hold, options: AbandonOptions): Promise<"abandoned" | "stale"> {
    const given = options.giveStartBack ? 1 : 0;
    const abandoned = this.#update(hold, (row) => ({
      state: "pending",
      leaseExpiresAtMs: abandonedUntilMs(row.state, this.#clock.wallMs(), this.#writeBoundMs),
      starts: Math.max(0, row.starts - given),
      payloadDigest: options.body === "forget" && !row.bodyBound ? "" : row.payloadDigest,
      bodyBound: row.bodyBound || (options.body === "bind" && row.payloadDigest !== ""),
    }));
    if (abandoned) return "abandoned";
    const row = this.#rows.get(hold.key);
    return row?.state === "pending" && row.fence === hold.fence ? "abandoned" : "stale";
  }

  async find(key: string): Promise<LedgerRow | null> {
    return this.#open().get(key) ?? null;
  }

  async list({ runId, states, afterKey = "", limit }: RowFilter): Promise<readonly LedgerRow[]> {
    return [...this.#open().values()]
      .filter((row) => runId === undefined || row.step.runId === runId)
      .filter((row) => states === undefined || states.includes(row.state))
      .filter((row) => byBytes(row.key, afterKey) > 0)
      .sort((a, b) => byBytes(a.key, b.key))
      .slice(0, limit);
  }

  async lock(name: string, owner: string, leaseMs: number): Promise<boolean> {
    this.#open();
    const now = this.#clock.wallMs();
    const held = this.#locks.get(name);
    if (held !== undefined && held.owner !== owner && held.untilMs > now) return false;
    this.#locks.set(name, { owner, untilMs: now + leaseMs });
    return true;
  }

  async prune(beforeMs: number, limit: number): Promise<number> {
    const rows = [...this.#open().values()];
    const settled = rows.flatMap(({ key, settledAtMs }) => (settledAtMs === null ? [] : [{ key, atMs: settledAtMs }]));
    const pending = rows.flatMap(({ key, state, receivedAtMs, updatedAtMs }) =>
      state === "pending" && updatedAtMs < beforeMs ? [{ key, atMs: receivedAtMs }] : [],
    );
    const due = [settled, pending].flatMap((kind) =>
      kind.filter(({ atMs }) => atMs < beforeMs).sort((a, b) => a.atMs - b.atMs),
    );
    const pruned = due.slice(0, limit);
    for (const { key } of pruned) this.#rows.delete(key);
    return pruned.length;
  }

  async burialKey(): Promise<string> {
    this.#open();
    return this.#burialKey;
  }

  async planReplay(plan: ReplayPlan, deduplicationId: string): Promise<BegunReplay> {
    this.#open();
    const { letterId, queueUrl, subject, act, who, why } = plan;
    const number = 1 + [...this.#replays.values()].filter((one) => one.subject === subject).length;
    const now = this.#clock.wallMs();
    const made = { letterId, queueUrl, subject, act, who, why, number, plannedAtMs: now, updatedAtMs: now };
    const begun = this.#replays.get(letterId) ?? { ...made, state: "planned", sentId: null, deduplicationId };
    this.#replays.set(letterId, begun);
    return begun;
  }

  async findReplay(letterId: string): Promise<Replay | null> {
    this.#open();
    return this.#replays.get(letterId) ?? null;
  }

  async advanceReplay(letterId: string, to: "sent" | "deleted", sentId: string | null): Promise<void> {
    this.#open();
    const replay = this.#replays.get(letterId);
    if (replay === undefined) return;
    const state = replay.state === "deleted" ? "deleted" : to;
    const updatedAtMs = this.#clock.wallMs();
    this.#replays.set(letterId, { ...replay, state, sentId: sentId ?? replay.sentId, updatedAtMs });
  }

  async reopen({ key, fence, payloadDigest, who, why }: ReopenRequest): Promise<"reopened" | "changed"> {
    const row = this.#open().get(key);
    if (row === undefined || row.fence !== fence) return "changed";
    const now = this.#clock.wallMs();
    const claim = claimable(row, now, this.#writeBoundMs);
    if (claim.kind === "held" || (claim.kind === "settled" && claim.state !== "dead")) return "changed";
    const open = { state: "pending", outcome: null, settledAtMs: null, leaseExpiresAtMs: null } as const;
    const body =
      payloadDigest === null
        ? { payloadDigest: row.payloadDigest, bodyBound: row.bodyBound }
        : { payloadDigest, bodyBound: true };
    this.#rows.set(key, { ...row, ...open, ...body, fence: fence + 1, starts: 0, updatedAtMs: now });
    const from = { fromState: row.state, fromStarts: row.starts };
    this.#reopenings.push({ key, fence: fence + 1, ...from, who, why, atMs: now });
    return "reopened";
  }

  async reopenings(key: string): Promise<readonly Reopening[]> {
    this.#open();
    return this.#reopenings.filter((one) => one.key === key);
  }

  async ping(): Promise<void> {
    this.#open();
  }

  async close(): Promise<void> {
    this.#closed = true;
  }

  #grant(request: ClaimRequest, row: LedgerRow | undefined, takenOverFrom: string | null): Claim {
    const { key, owner, leaseMs, messageId, receivedAtMs } = request;
    const now = this.#clock.wallMs();
    const fence = (row?.fence ?? 0) + 1;
    const starts = (row?.starts ?? 0) + 1;
    const { runId, stepKey, attempt } = row?.step ?? request.step;
    const step = { runId, stepKey, attempt };
    const payloadDigest = row === undefined ? request.payloadDigest : claimedDigest(row, request.payloadDigest);
    const body = { payloadDigest, bodyBound: row?.bodyBound ?? false };
    const claimed = { key, step, owner, messageId, receivedAtMs, fence, starts, ...body };
    const times = { leaseExpiresAtMs: now + leaseMs, updatedAtMs: now, settledAtMs: null };
    this.#rows.set(key, { ...claimed, ...times, state: "running", outcome: null });
    return { kind: "granted", fence, starts, takenOverFrom, payloadDigest };
  }

  #update(hold: Hold, change: (row: HeldRow) => Partial<LedgerRow>): boolean {
    const row = this.#held(hold);
    if (row === null) return false;
    this.#rows.set(row.key, { ...row, ...change(row), updatedAtMs: this.#clock.wallMs() });
    return true;
  }

  #held({ key, fence }: Hold): HeldRow | null {
    const row = this.#open().get(key);
    return row !== undefined && row.fence === fence && isHeld(row) ? row : null;
  }

  #open(): Map<string, LedgerRow> {
    if (this.#closed) throw new Fault("TQ_LEDGER", "ledger in memory: it is closed");
    return this.#rows;
  }
}

function isHeld(row: LedgerRow): row is HeldRow {
  return row.state === "running" || row.state === "permitted";
}

/** As databases compare text in binary order: by UTF-8 bytes, not by UTF-16 units. */
function byBytes(a: string, b: string): number {
  return Buffer.compare(Buffer.from(a), Buffer.from(b));
}
