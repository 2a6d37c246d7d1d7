// Rows of the ledger's tables, from a database's answer to the port's shapes. The tables check
// their columns, yet a row may have been changed by hand, or written by a later version. So it is
// read like anything else that comes from outside.
import * as v from "valibot";
import { Fault } from "../faults.ts";
import { shortened } from "../formats/shortened.ts";
import type { ExecutionResult } from "../step/step.ts";
import type { CutReceive } from "./cut-receives.ts";
import { decodeOutcome } from "./outcome-text.ts";
import type { BegunReplay, Claim, LedgerRow, Reopening, Replay } from "./port.ts";
import type { QuietReport, QuietRequest } from "./quiet-records.ts";

/** As a driver gives it: columns by their names. */
export type Found = Readonly<Record<string, unknown>>;

const RECORDS = "taskiq_idempotency_records";
/** An expectation and a value are for people to read; the row itself has the rest. */
const LONGEST_DETAIL = 300;
const LONGEST_KEY = 200;
/** What a `Date` can hold. */
const LAST_INSTANT_MS = 8.64e15;

const State = v.picklist(["pending", "running", "permitted", "completed", "failed", "dead"]);
const Settled = v.picklist(["completed", "failed", "dead"]);
const Count = v.pipe(v.number(), v.safeInteger(), v.minValue(0));
const Fence = v.pipe(v.number(), v.safeInteger(), v.minValue(1));
/** SQLite has no boolean: it answers 0 or 1. */
const Flag = v.pipe(
  v.union([v.boolean(), v.picklist([0, 1])]),
  v.transform((value) => Boolean(value)),
);
/** Unix milliseconds. */
const Instant = v.pipe(v.number(), v.minValue(-LAST_INSTANT_MS), v.maxValue(LAST_INSTANT_MS));

const Row = v.object({
  idempotency_key: v.string(),
  run_id: v.string(),
  step_key: v.string(),
  attempt: Count,
  state: State,
  fence: Fence,
  owner: v.string(),
  lease_expires_at: v.nullable(Instant),
  starts: Count,
  outcome: v.nullable(v.string()),
  payload_digest: v.string(),
  body_bound: Flag,
  message_id: v.string(),
  received_at: Instant,
  updated_at: Instant,
  settled_at: v.nullable(Instant),
});

/** What Postgres answers to a claim. */
const Claimed = v.variant("kind", [
  v.object({
    kind: v.literal("granted"),
    fence: Fence,
    starts: Count,
    taken_over_from: v.nullable(v.string()),
    payload_digest: v.string(),
  }),
  v.object({
    kind: v.literal("held"),
    owner: v.string(),
    left_ms: v.pipe(v.number(), v.finite("expected a lease_expires_at that is not infinite")),
  }),
  v.object({ kind: v.literal("settled"), state: Settled, outcome: v.nullable(v.string()) }),
]);

const ReplayRow = v.object({
  letterId: v.string(),
  queueUrl: v.string(),
  subject: v.string(),
  number: Count,
  act: v.picklist(["replay", "purge"]),
  state: v.picklist(["planned", "sent", "deleted"]),
  sentId: v.nullable(v.string()),
  who: v.string(),
  why: v.string(),
  plannedAtMs: Instant,
  updatedAtMs: Instant,
});

const BegunReplayRow = v.object({ ...ReplayRow.entries, deduplicationId: v.string() });

const ReopeningRow = v.object({
  key: v.string(),
  fence: Fence,
  fromState: State,
  fromStarts: Count,
  who: v.string(),
  why: v.string(),
  atMs: Instant,
});

const BurialKeyRow = v.object({ burial_key: v.pipe(v.string(), v.minLength(32)) });

const QuietRequestRow = v.object({
  worker: v.string(),
  queue: v.string(),
  who: v.string(),
  why: v.nullable(v.string()),
  askedAtMs: Instant,
  untilMs: v.nullable(Instant),
  liftedBy: v.nullable(v.string()),
  liftedAtMs: v.nullable(Instant),
});

const QuietReportRow = v.object({
  worker: v.string(),
  queue: v.string(),
  busy: Count,
  // SQLite knows no booleans.
  idle: v.union([
    v.boolean(),
    v.pipe(
      v.picklist([0, 1]),
      v.transform((flag) => flag === 1),
    ),
  ]),
  agoMs: v.pipe(v.number(), v.finite()),
});

const CutReceiveRow = v.object({ attemptId: v.string(), queueUrl: v.string(), max: v.pipe(Count, v.minValue(1)) });

/** All of them throw a `Fault` (`TQ_LEDGER_ROW`) for a row that cannot be read. */
export function readRow(found: Found): LedgerRow {
  const place = { table: RECORDS, key: found["idempotency_key"] };
  const columns = read(Row, found, place);
  const settled = v.is(Settled, columns.state);
  return {
    key: columns.idempotency_key,
    step: { runId: columns.run_id, stepKey: columns.step_key, attempt: columns.attempt },
    state: columns.state,
    fence: columns.fence,
    owner: columns.owner,
    leaseExpiresAtMs: columns.lease_expires_at,
    starts: columns.starts,
    outcome: columns.outcome === null && !settled ? null : readOutcome(columns.outcome, place),
    payloadDigest: columns.payload_digest,
    bodyBound: columns.body_bound,
    messageId: columns.message_id,
    receivedAtMs: columns.received_at,
    updatedAtMs: columns.updated_at,
    settledAtMs: columns.settled_at,
  };
}

export function readClaim(found: Found, key: string): Claim {
  const place = { table: RECORDS, key };
  const claimed = read(Claimed, found, place);
  switch (claimed.kind) {
    case "granted": {
      const { fence, starts, taken_over_from: takenOverFrom, payload_digest: payloadDigest } = claimed;
      return { kind: "granted", fence, starts, takenOverFrom, payloadDigest };
    }
    case "held":
      return { kind: "held", owner: claimed.owner, leftMs: Math.ceil(claimed.left_ms) };
    case "settled":
      return { kind: "settled", state: claimed.state, outcome: readOutcome(claimed.outcome, place) };
  }
}

export function readReplay(found: Found): Replay {
  return read(ReplayRow, found, { table: "taskiq_replays", key: found["letterId"] });
}

export function readBegunReplay(found: Found): BegunReplay {
  return read(BegunReplayRow, found, { table: "taskiq_replays", key: found["letterId"] });
}

/** Of the row of the first schema. Undefined: there is none. */
export function readBurialKey(found: Found | undefined): string {
  return read(BurialKeyRow, found ?? {}, { table: "taskiq_ledger_schema", key: "1" }).burial_key;
}

export function readReopening(found: Found): Reopening {
  return read(ReopeningRow, found, { table: "taskiq_reopenings", key: found["key"] });
}

export function readQuietRequest(found: Found): QuietRequest {
  const row = read(QuietRequestRow, found, { table: "taskiq_quiet_requests", key: quietKey(found) });
  const { who, why, askedAtMs, untilMs, liftedBy, liftedAtMs } = row;
  const target = { worker: row.worker === "" ? null : row.worker, queue: row.queue === "" ? null : row.queue };
  const lifted = liftedBy === null || liftedAtMs === null ? null : { by: liftedBy, atMs: liftedAtMs };
  return { ...target, who, why, askedAtMs, untilMs, lifted };
}

export function readQuietReport(found: Found): QuietReport {
  const row = read(QuietReportRow, found, { table: "taskiq_quiet_workers", key: quietKey(found) });
  return { ...row, agoMs: Math.max(0, row.agoMs) };
}

export function readCutReceive(found: Found): CutReceive {
  return read(CutReceiveRow, found, { table: "taskiq_cut_receives", key: found["attemptId"] });
}

/** Returns `null` if a part is not a text: nothing else can be joined safely. */
function quietKey({ worker, queue }: Found): string | null {
  return typeof worker === "string" && typeof queue === "string" ? `${worker} ${queue}` : null;
}

interface Place {
  readonly table: string;
  /** Of the row, whatever stands there. */
  readonly key: unknown;
}

function read<T>(schema: v.GenericSchema<unknown, T>, found: Found, place: Place): T {
  const parsed = v.safeParse(schema, numbersOf(found));
  if (parsed.success) return parsed.output;
  throw unreadable(place, "", parsed.issues[0]);
}

function readOutcome(text: string | null, place: Place): ExecutionResult {
  const parsed = decodeOutcome(text ?? "null");
  if (parsed.success) return parsed.output;
  throw unreadable(place, "outcome", parsed.issues[0]);
}

/**
 * SQLite gives whole numbers as bigints, for some of its own no number can hold; those come out as
 * no whole number here.
 */
function numbersOf(found: Found): Found {
  const numbers = Object.entries(found).map(([name, value]) => [
    name,
    typeof value === "bigint" ? Number(value) : value,
  ]);
  return Object.fromEntries(numbers);
}

function unreadable({ table, key }: Place, within: string, issue: v.BaseIssue<unknown>): Fault {
  const column = [within, v.getDotPath(issue) ?? ""].filter((part) => part !== "").join(".");
  const row = typeof key === "string" ? shortened(JSON.stringify(key), LONGEST_KEY) : "without a key";
  const detail = shortened(issue.message, LONGEST_DETAIL);
  return new Fault("TQ_LEDGER_ROW", `ledger, table ${table}, row ${row}, column ${column}: ${detail}`, {
    hint: "If a later version of taskiq wrote it, use that one. Else correct the row, or delete it: how the attempt ended stands in Dagster's event log, too, which is read before anything runs.",
  });
}
