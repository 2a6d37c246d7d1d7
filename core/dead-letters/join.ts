// Joins dead letters with the ledger's rows and Dagster's standings of their steps, and gives each
// its verdict.
import type { Ledger, LedgerRow } from "../ledger/port.ts";
import type { AttemptStanding, Runner } from "../runner/port.ts";
import type { DeadLetter } from "./letter.ts";
import { type JoinedLetter, verdictOf } from "./verdict.ts";

export interface JoinPorts {
  /** `null` means that the ledger is not asked. */
  readonly ledger: Pick<Ledger, "find"> | null;
  /** `null` means that Dagster is not asked. */
  readonly dagster: Pick<Runner, "look"> | null;
  readonly nowMs: number;
}

export interface Joined {
  readonly letters: readonly JoinedLetter[];
  /** Why Dagster did not answer, in a sentence. `null` if it answered or was not asked. */
  readonly dagsterSilent: string | null;
}

/**
 * How many questions are under way at once. One at a time is too slow for a ledger far away, which
 * has few connections.
 */
const TOGETHER = 20;

/** Rejects with a `Fault` when the ledger cannot be reached. */
export async function joinLetters(letters: readonly DeadLetter[], ports: JoinPorts): Promise<Joined> {
  const [rows, asked] = await Promise.all([findRows(letters, ports.ledger), standingsOf(letters, ports.dagster)]);
  const joined = letters.map((letter): JoinedLetter => {
    const row = (letter.key === null ? undefined : rows.get(letter.key)) ?? null;
    const standing = (letter.key === null ? undefined : asked.standings.get(letter.key)) ?? null;
    const { body, step, retryPlanned, burial, reason, instance, unsigned } = letter;
    const sameInstance = instance === null || asked.instance === null ? null : instance === asked.instance;
    const said = { body, named: step !== null, retryPlanned, reason: burial === null ? null : reason };
    const evidence = { ...said, sameInstance, unsigned };
    return { letter, row, standing, verdict: verdictOf({ ...evidence, row, standing, nowMs: ports.nowMs }) };
  });
  return { letters: joined, dagsterSilent: asked.silent };
}

interface Standings {
  /** By idempotency key. */
  readonly standings: ReadonlyMap<string, AttemptStanding>;
  /** Identity of the Dagster instance that was asked. */
  readonly instance: string | null;
  readonly silent: string | null;
}

async function findRows(
  letters: readonly DeadLetter[],
  ledger: JoinPorts["ledger"],
): Promise<ReadonlyMap<string, LedgerRow>> {
  if (ledger === null) return new Map();
  const keys = [...new Set(letters.flatMap(({ key }) => key ?? []))];
  const found: LedgerRow[] = [];
  for (let from = 0; from < keys.length; from += TOGETHER) {
    const some = await Promise.all(keys.slice(from, from + TOGETHER).map((key) => ledger.find(key)));
    found.push(...some.filter((row) => row !== null));
  }
  return new Map(found.map((row) => [row.key, row]));
}

async function standingsOf(letters: readonly DeadLetter[], dagster: JoinPorts["dagster"]): Promise<Standings> {
  const steps = new Map(letters.flatMap(({ key, step }) => (key === null || step === null ? [] : [[key, step]])));
  if (dagster === null || steps.size === 0) return { standings: new Map(), instance: null, silent: null };
  const looked = await dagster.look([...steps.values()]);
  if (looked.kind === "failed") {
    const { error } = looked.failure;
    return { standings: new Map(), instance: null, silent: `${error.class}: ${error.message}` };
  }
  const keys = [...steps.keys()];
  const standings = new Map(looked.standings.map((standing, i) => [keys[i] ?? "", standing]));
  return { standings, instance: looked.instance, silent: null };
}
