// Fails dead letters whose attempts are open, so that their runs can end. The failure is recorded
// in Dagster, through the same life as a sweep's.
import type { ExecutorPorts, Stopping } from "../../delivery/effects/ports.ts";
import { SenderVersions } from "../../delivery/effects/sender-versions.ts";
import { Executor } from "../../delivery/executor.ts";
import { noOutcomes } from "../../delivery/outcome-counts.ts";
import { LeaseKeeper } from "../../lease/lease-keeper.ts";
import type { Ledger, LedgerRow } from "../../ledger/port.ts";
import type { DeadLetterQueue, Message } from "../../queue/port.ts";
import { lookThrough, type ReceivedAt } from "../look.ts";
import { takeAlone } from "../sweep/sweep-pass.ts";
import type { JoinedLetter } from "../verdict.ts";

export interface FailPorts extends Omit<ExecutorPorts, "queue" | "ledger" | "senders" | "copied" | "outcomes"> {
  readonly letters: DeadLetterQueue;
  readonly ledger: Pick<Ledger, "claim" | "permit" | "settle" | "abandon" | "burialKey" | "renew" | "find" | "reopen">;
}

export interface FailOrder {
  /** The operator's name, for the ledger and Dagster. */
  readonly who: string;
  readonly why: string;
}

/**
 * - `failed`: its failure is recorded in Dagster.
 * - `ended`: its attempt ended otherwise meanwhile.
 * - `in_hand`: a worker holds it.
 * - `changed`: it was reopened or settled since the look.
 * - `not_done`: its failure could not be recorded. It is unchanged, or open to be failed again.
 * - `not_found`: it has left the queue, or is hidden.
 */
export type FailEnd = "failed" | "ended" | "in_hand" | "changed" | "not_done" | "not_found";

/**
 * Returns whether an operator may fail it: Dagster says that its attempt is open, its run waits for
 * it, and no worker holds it.
 */
export function mayFail({ letter, standing, verdict }: JoinedLetter): boolean {
  if (letter.step === null || standing === null) return false;
  return ["parked", "moved", "waiting", "malformed_open"].includes(verdict.kind);
}

/** Longer than one page of letters takes. The letter at work is prolonged. */
const HIDE_MS = 120_000;
const KILL_MARGIN_MS = 5_000;

/**
 * Fails letters, and returns their ends by message id. Rejects with a `Fault` if the queue or the
 * ledger cannot be reached. Letters that were failed stay so, and a second call may name them
 * again.
 */
export async function failLetters(
  targets: readonly JoinedLetter[],
  order: FailOrder,
  ports: FailPorts,
  stopping: Stopping,
): Promise<ReadonlyMap<string, FailEnd>> {
  const left = new Map(targets.filter(mayFail).map((target) => [target.letter.message.id, target]));
  const ends = new Map<string, FailEnd>(targets.map(({ letter }) => [letter.message.id, "not_found"]));
  const leases = new LeaseKeeper(
    { ...ports, queue: ports.letters },
    { leaseMs: ports.leaseMs, killMarginMs: KILL_MARGIN_MS },
  );
  void leases.start();
  const own = {
    ...ports,
    queue: ports.letters,
    senders: new SenderVersions(),
    copied: new Set<string>(),
    outcomes: noOutcomes(),
  };
  const failing = { ledger: ports.ledger, leases, executor: new Executor(own, stopping.kill) };
  const look = {
    hideMs: HIDE_MS,
    restMs: 0,
    goOn: async () => left.size > 0,
    see: async (message: Message, at: ReceivedAt) => {
      const target = left.get(message.id);
      if (target === undefined || stopping.quiet.aborted) return "give_back";
      left.delete(message.id);
      const found = await fail(target, message, at, order, failing, stopping.quiet);
      ends.set(message.id, found.end);
      return found.gone ? "keep" : "give_back";
    },
  } as const;
  try {
    await lookThrough(ports, look, stopping.quiet);
  } finally {
    await leases.stop();
  }
  return ends;
}

interface Failing {
  readonly ledger: FailPorts["ledger"];
  readonly leases: LeaseKeeper;
  readonly executor: Executor;
}

async function fail(
  { letter, row }: JoinedLetter,
  message: Message,
  at: ReceivedAt,
  { who, why }: FailOrder,
  { ledger, leases, executor }: Failing,
  quiet: AbortSignal,
): Promise<{ readonly end: FailEnd; readonly gone: boolean }> {
  const key = letter.key ?? "";
  // A settled row refuses every claim, so it is reopened. Here it can only be dead, and the claim's
  // fence decides the rest.
  if (row !== null && row.state === "dead") {
    const reopened = await ledger.reopen({ key, fence: row.fence, payloadDigest: null, who, why });
    if (reopened === "changed") return { end: "changed", gone: false };
  }
  const detail = `${who} gave it up (${why}); before that: ${letter.reason}: ${letter.detail}`;
  const received = takeAlone(message, at, leases);
  const disposition = await executor.failDeadLetter(received, detail, quiet).finally(() => received.lease.end());
  return { end: endOf(await ledger.find(key)), gone: disposition !== "released" };
}

/** Reads the end from the ledger's row, because a worker may have ended the attempt meanwhile. */
function endOf(row: LedgerRow | null): FailEnd {
  if (row?.outcome != null) return row.outcome.state === "reported" ? "failed" : "ended";
  return row?.state === "running" || row?.state === "permitted" ? "in_hand" : "not_done";
}
