// A process that opens a ledger file and claims rows when its parent says so, over IPC; it ends
// when the parent lets go of it.
import { systemClock } from "../../../core/clock.ts";
import { describeError } from "../../../core/faults.ts";
import type { Ledger } from "../../../core/ledger/port.ts";
import type { PostgresTarget } from "../../../core/ledger/postgres/open.ts";
import { openPostgresLedger } from "../../../core/ledger/postgres/postgres.ts";
import { openSqliteLedger } from "../../../core/ledger/sqlite/sqlite.ts";

/** `claim` claims these keys in order; `claim_on` claims `prefix` + 0, 1, 2, … without end. */
export type Order =
  | { readonly do: "open"; readonly path: string }
  | { readonly do: "open"; readonly target: PostgresTarget }
  | { readonly do: "claim"; readonly keys: readonly string[] }
  | { readonly do: "claim_on"; readonly prefix: string };

export type Said =
  | { readonly said: "ready" }
  | { readonly said: "opened" }
  | { readonly said: "granted"; readonly key: string; readonly fence: number }
  | { readonly said: "done" }
  | { readonly said: "failed"; readonly why: string };

let ledger: Ledger | undefined;

async function follow(order: Order): Promise<void> {
  if (order.do === "open") {
    ledger = await open(order);
    return say({ said: "opened" });
  }
  if (order.do === "claim_on") for (let i = 0; ; i++) await claim(`${order.prefix}${i}`);
  for (const key of order.keys) await claim(key);
  await say({ said: "done" });
}

function open(order: Extract<Order, { do: "open" }>): Promise<Ledger> {
  const common = { clock: systemClock, writeBoundMs: 0 };
  if ("path" in order) return openSqliteLedger({ ...common, path: order.path, busyTimeoutMs: 20_000 });
  const waits = { answerMs: 20_000, chance: Math.random, applicationName: `taskiq-test ${process.pid}` };
  return openPostgresLedger({ ...common, ...waits, target: order.target });
}

async function claim(key: string): Promise<void> {
  const answer = await ledger?.claim({
    key,
    step: { runId: "run-1", stepKey: "load", attempt: 0 },
    owner: `process-${process.pid}`,
    leaseMs: 3_600_000,
    messageId: "message-1",
    payloadDigest: "digest-1",
    receivedAtMs: systemClock.wallMs(),
  });
  if (answer?.kind === "granted") await say({ said: "granted", key, fence: answer.fence });
}

/** Resolves when the parent's end of the channel has it. */
function say(what: Said): Promise<void> {
  return new Promise((resolve, reject) =>
    process.send?.(what, (error: Error | null) => (error ? reject(error) : resolve())),
  );
}

process.on("message", (order: Order) => {
  follow(order).catch((error) => say({ said: "failed", why: describeError(error) }));
});
process.on("disconnect", () => process.exit());
await say({ said: "ready" });
