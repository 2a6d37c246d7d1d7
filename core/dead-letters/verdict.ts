// The verdict on a dead letter: what an operator can do about it. Pure. Dagster's event log
// outweighs the ledger, and both outweigh the note.
import type { LedgerRow } from "../ledger/port.ts";
import type { AttemptStanding } from "../runner/port.ts";
import type { DeadLetter } from "./letter.ts";

/**
 * What an operator can do: put it back, re-execute its run in Dagster, delete it, mend its body,
 * leave it alone, or find out more.
 */
export type Act = "replay" | "reexecute" | "purge" | "mend" | "wait" | "ask";

interface Meaning {
  readonly act: Act;
  readonly words: string;
  /**
   * Nothing waits for it, so an operator who names it may delete it: by its id, or by one of these
   * reasons.
   */
  readonly purgedAs?: readonly string[];
}

const verdicts = {
  parked: { act: "replay", words: "run still waiting (parked): replay" },
  moved: { act: "replay", words: "run still waiting (SQS moved it): replay, or leave it to the sweep" },
  waiting: { act: "replay", words: "run still waiting: replay" },
  failure_reported: {
    act: "reexecute",
    words: "failure already reported: re-execute in Dagster",
    purgedAs: ["malformed"],
  },
  run_over: { act: "reexecute", words: "run is over: re-execute", purgedAs: ["malformed"] },
  succeeded: { act: "purge", words: "already succeeded: safe to purge" },
  retried: { act: "purge", words: "retry already recorded: safe to purge" },
  run_succeeded: { act: "purge", words: "run succeeded without it: safe to purge" },
  unsigned: { act: "ask", words: "unsigned: find out who sent it, do not replay", purgedAs: ["unsigned"] },
  malformed: { act: "mend", words: "malformed: mend or purge", purgedAs: ["malformed"] },
  malformed_open: { act: "mend", words: "malformed, and its run still waits: mend it, or fail it" },
  newer_version: { act: "replay", words: "of a newer version: update the workers, then replay" },
  other_body: {
    act: "ask",
    words: "another body of this step came first: compare, do not replay",
    purgedAs: ["payload_mismatch"],
  },
  not_sent: {
    act: "ask",
    words: "its run did not send this: find out who did, then purge",
    purgedAs: ["not_open"],
  },
  in_hand: { act: "wait", words: "a worker holds this step: wait" },
  run_deleted: { act: "purge", words: "run was deleted: safe to purge" },
  other_instance: { act: "ask", words: "of another Dagster instance: ask that one" },
  no_such_run: {
    act: "ask",
    words: "no such run in this Dagster instance: is it the right one? else purge",
    purgedAs: ["unknown_run"],
  },
  contradiction: { act: "ask", words: "ledger and Dagster disagree: compare them first" },
  unknown: { act: "ask", words: "unknown: Dagster was not asked" },
} as const satisfies Readonly<Record<string, Meaning>>;

export type VerdictKind = keyof typeof verdicts;

export interface Verdict {
  readonly kind: VerdictKind;
  readonly act: Act;
  /** For people; may be reworded. */
  readonly words: string;
  /**
   * It may be deleted when it is named by its id, or by one of these reasons. Absent means that it
   * may not even then.
   */
  readonly purgedAs?: readonly string[];
}

/** A dead letter with the facts about its step, and the verdict that follows from them. */
export interface JoinedLetter {
  readonly letter: DeadLetter;
  /** `null` means that the ledger has none, or was not asked. */
  readonly row: LedgerRow | null;
  /**
   * `null` means that Dagster was not asked or did not answer, or that the letter names no step.
   */
  readonly standing: AttemptStanding | null;
  readonly verdict: Verdict;
}

export interface Evidence {
  /** What its body is. */
  readonly body: "step" | "malformed" | "newer_version";
  /** It has no signature, or a wrong one: nothing that it says is believed. */
  readonly unsigned: boolean;
  /** Run and step can be read in it. */
  readonly named: boolean;
  /** It says that the machinery's fault is answered by a retry: that is what a report of it was. */
  readonly retryPlanned: boolean;
  /** Of the note; null for what has none, because SQS itself moved it. */
  readonly reason: string | null;
  /** Null: the ledger has none, or was not asked. */
  readonly row: Pick<LedgerRow, "state" | "outcome" | "leaseExpiresAtMs"> | null;
  /**
   * Whether its body names the Dagster instance that was asked; null when either has no identity,
   * or Dagster was not asked.
   */
  readonly sameInstance: boolean | null;
  /** Null: Dagster was not asked, or did not answer. */
  readonly standing: AttemptStanding | null;
  readonly nowMs: number;
}

export const verdictKinds = Object.keys(verdicts) as readonly VerdictKind[];

export function verdictOf(evidence: Evidence): Verdict {
  const kind = decide(evidence);
  return { kind, ...verdicts[kind] };
}

function decide(evidence: Evidence): VerdictKind {
  const { body, named, reason, standing } = evidence;
  if (evidence.unsigned) return "unsigned";
  if (!named) return body === "newer_version" ? "newer_version" : "malformed";
  if (isHeld(evidence)) return "in_hand";
  const ended = standing === null ? endInLedger(evidence) : standing.ended;
  if (ended !== null) return verdictOnEnd[ended];
  if (standing === null) return fromLedgerAlone(evidence);
  if (standing.run === null) return unknownRun(evidence);
  if (!standing.run.goesOn) return standing.run.status === "SUCCESS" ? "run_succeeded" : "run_over";
  if (body !== "step") return "malformed_open";
  if (reason === "payload_mismatch") return "other_body";
  if (reason === "not_open") return "not_sent";
  return fromOpenAttempt(evidence);
}

const verdictOnEnd = {
  success: "succeeded",
  failure: "failure_reported",
  // Dagster's executor makes a failure of it, or a retry.
  resource_init_failure: "failure_reported",
  up_for_retry: "retried",
} as const satisfies Record<NonNullable<AttemptStanding["ended"]>, VerdictKind>;

function unknownRun({ sameInstance }: Evidence): VerdictKind {
  if (sameInstance === null) return "no_such_run";
  return sameInstance ? "run_deleted" : "other_instance";
}

function isHeld({ row, nowMs }: Evidence): boolean {
  if (row === null || (row.state !== "running" && row.state !== "permitted")) return false;
  return (row.leaseExpiresAtMs ?? 0) > nowMs;
}

/**
 * The ledger settles only what stands in Dagster, so its word is good where Dagster's is not to be
 * had.
 */
function endInLedger({ row, retryPlanned }: Evidence): AttemptStanding["ended"] {
  const state = row?.outcome?.state;
  switch (state) {
    case "success":
    case "failure":
    case "up_for_retry":
    case "resource_init_failure":
      return state;
    case "reported":
      return retryPlanned ? "up_for_retry" : "failure";
    default:
      return null;
  }
}

function fromLedgerAlone({ row, reason }: Evidence): VerdictKind {
  if (row?.outcome?.state === "run_over") return "run_over";
  if (reason === "not_open") return "not_sent";
  return reason === "payload_mismatch" ? "other_body" : "unknown";
}

/** The run goes on, and nothing in its log ends the attempt. */
function fromOpenAttempt({ row, reason }: Evidence): VerdictKind {
  const state = row?.outcome?.state;
  if (state === "parked") return "parked";
  // A replay of it would be acked by the ledger, and change nothing.
  if (state !== undefined) return "contradiction";
  return reason === null ? "moved" : "waiting";
}
