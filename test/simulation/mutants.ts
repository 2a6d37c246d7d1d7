// Each rule, broken by a change of the product's source as it is loaded, or by a step host that
// does not keep it. The simulation must find every mutant. A mutant whose text is not found any
// more is an error, not a mutant that was not found.
import type { HostRules } from "./step-process.ts";

export interface Mutant {
  readonly name: string;
  readonly edit?: { readonly file: string; readonly from: string; readonly to: string };
  readonly rules?: Partial<HostRules>;
  /** The seed of a world that shows it, for one that too few worlds show. */
  readonly seed?: number;
}

export const mutants: readonly Mutant[] = [
  {
    name: "a message is acked before its outcome is settled",
    edit: {
      file: "core/delivery/effects/settle.ts",
      from: "  delivery.lease.closing();\n  const answer = await askLedgerWhileLeased(",
      to: "  delivery.lease.closing();\n  await scene.ports.queue.ack([delivery.message.receipt]).catch(() => []);\n  const answer = await askLedgerWhileLeased(",
    },
  },
  {
    name: "the ledger ignores the fence",
    edit: {
      file: "test/support/ports/memory-ledger.ts",
      from: "row !== undefined && row.fence === fence && isHeld(row)",
      to: "row !== undefined && fence > 0 && isHeld(row)",
    },
  },
  {
    name: "a refused permit is granted",
    rules: { endsWithTerm: false },
    edit: {
      file: "core/delivery/effects/permit.ts",
      from: 'if (answer !== "granted") return { granted: false };',
      to: "",
    },
  },
  {
    name: "a process writes its event without asking for a permit",
    rules: { asksPermit: false },
  },
  { name: "a process starts without reading the log", rules: { readsLog: false } },
  { name: "attempts that no run worker sent are run", rules: { requiresOpen: false } },
  { name: "a report is written without reading the log", rules: { readsLogBeforeReport: false } },
  { name: "a permit has no deadline", rules: { keepsDeadline: false } },
  { name: "a recorder does not check the deadline before COMMIT", rules: { recorderKeepsDeadline: false } },
  {
    name: "a recorder writes events of a step whose lease has ended",
    rules: { recorderKeepsLease: false },
    seed: 3_000_002_968,
  },
  { name: "a transaction does not lock the fence of the claim that it settles", rules: { locksFence: false } },
  {
    name: "a terminal event is written outside the transaction that settles its claim",
    rules: { transactsEvent: false },
  },
  { name: "a claim is settled outside the transaction of its terminal event", rules: { transactsSettlement: false } },
  { name: "a terminal event is written before the events that came first", rules: { keepsOrder: false } },
  { name: "the end of a process is reported before its recorder is done", rules: { exitsAfterDone: false } },
  { name: "a second recorder goes on with the steps of the first", rules: { endsWithRecorder: false } },
  {
    name: "a permit lasts longer than the lease",
    edit: {
      file: "core/delivery/effects/permit.ts",
      from: "askedAtMs - heardAtMs + ports.leaseMs / 2",
      to: "askedAtMs - heardAtMs + ports.leaseMs * 2",
    },
    seed: 100_049,
  },
  {
    name: "an abandoned claim that was permitted has no write bound",
    edit: {
      file: "core/ledger/claimable.ts",
      from: 'return from === "permitted" ? nowMs + writeBoundMs : null;',
      to: "return writeBoundMs < 0 ? nowMs : null;",
    },
  },
  {
    name: "a message that came too early keeps the attempt's row for itself",
    edit: {
      file: "core/delivery/effects/settle.ts",
      from: 'delivery.foundOpen ? "bind" : "forget"',
      to: '"bind"',
    },
  },
  {
    name: "the log does not say that a message was buried",
    edit: {
      file: "core/delivery/effects/dispose.ts",
      from: 'delivery.log("error", "dead_letter.buried", moved, { reason });',
      to: "",
    },
  },
  {
    name: "a row forgets its body when a lease ends",
    seed: 1_000_021_610,
    edit: {
      file: "test/support/ports/memory-ledger.ts",
      from: "claimedDigest(row, request.payloadDigest)",
      to: 'claimedDigest({ ...row, bodyBound: row.bodyBound && row.state === "pending" }, request.payloadDigest)',
    },
  },
  {
    name: "the copy of one message counts for another",
    edit: {
      file: "core/delivery/effects/dispose.ts",
      from: "  if (ports.copied.has(delivery.message.id)) {",
      to: "  if (ports.copied.size > 0) {",
    },
  },
  {
    name: "every abandoned message is buried",
    edit: {
      file: "core/delivery/lifecycle.ts",
      from: "why === null || mayHoldBody(why, is) ? release(after, starts) : bury(why),",
      to: 'after === "now" ? release(after, starts) : bury(why ?? { reason: "step_fault", detail: "", error: null }),',
    },
  },
  {
    name: "a message is deleted before its copy is made",
    edit: {
      file: "core/delivery/effects/dispose.ts",
      from: "  try {\n    await ports.queue.bury(",
      to: "  await ports.queue.ack([delivery.message.receipt]).catch(() => []);\n  try {\n    await ports.queue.bury(",
    },
  },
  {
    name: "a message is deleted although its copy failed",
    edit: {
      file: "core/delivery/lifecycle.ts",
      from: '(is === "buried" ? ack("buried") : release("short"))',
      to: '(is === "acked" ? release("short") : ack("buried"))',
    },
  },
  {
    name: "a step is settled without an event",
    edit: {
      file: "core/delivery/effects/run.ts",
      from: 'return { is: "host_fault", why: { reason: "step_fault", detail, error }, permitted: delivery.permitted };',
      to: 'return { is: "ended", outcome: { state: "failure", output: null, error, started_at: 0, completed_at: 0, execution_time_seconds: 0 } };',
    },
  },
  {
    name: "a step goes on when its lease is lost",
    rules: { endsWithTerm: false },
    edit: {
      file: "core/delivery/effects/run.ts",
      from: "return AbortSignal.any([delivery.lease.lost, stopping.kill]);",
      to: "return stopping.kill ?? delivery;",
    },
  },
  {
    name: "the end of a lease goes unnoticed",
    rules: { endsWithTerm: false },
    edit: {
      file: "core/lease/lease-keeper.ts",
      from: 'if (endsAtMs <= now) this.#lose(lease, "it could not be renewed in time");\n        else next',
      to: "if (endsAtMs > now) next",
    },
  },
  {
    name: "a term has no end",
    edit: {
      file: "core/lease/lease.ts",
      from: "Math.max(0, this.#endsAtMs - this.#keeper.clock.monoMs())",
      to: "Number.POSITIVE_INFINITY",
    },
  },
  {
    name: "an unknown run of any instance counts as deleted",
    edit: {
      file: "core/delivery/effects/strangers.ts",
      from: "if (named !== null && named === asked) {",
      to: "if (named !== asked || named === asked) {",
    },
  },
  {
    name: "a message without a signature is believed",
    edit: {
      file: "core/delivery/signature.ts",
      from: "if (given === undefined) return",
      to: "if (given === undefined) return null;\n  if (isSigned(message) && given === undefined) return",
    },
  },
  {
    name: "a message of another instance is run",
    edit: {
      file: "core/delivery/effects/strangers.ts",
      from: "if (theirs === null || ours === null || theirs === ours) return null;",
      to: "if (delivery.instance === theirs) return null;\n  if (theirs === null || ours === null) return null;",
    },
  },
  {
    name: "the rest of a group goes on when its head does not",
    edit: {
      file: "core/intake/chains.ts",
      from: 'broken ||= disposition === "released" || disposition === "lost";',
      to: 'broken ||= disposition === "lost" && quiet.aborted;',
    },
  },
  {
    name: "a held message is given up",
    edit: {
      file: "core/delivery/lifecycle.ts",
      from: 'case "lease_ended":\n      return claim(asked);',
      to: 'case "lease_ended":\n      return ack("acked");',
    },
  },
  {
    name: "a step runs unclaimed when the ledger is down",
    edit: {
      file: "core/delivery/effects/claim.ts",
      from: 'if (answer === null) return { is: "ledger_unreachable" };',
      to: 'if (answer === null) {\n    delivery.granted = { kind: "granted", fence: 0, starts: 1, takenOverFrom: null, payloadDigest: "" };\n    const hold = { key: request.key, fence: 0 };\n    delivery.lease.granted(hold, askedAtMs);\n    return { is: "granted", hold, starts: 1, budget: 3, sameBody: true };\n  }',
    },
  },
  {
    name: "a reported message is acked, not buried",
    edit: {
      file: "core/delivery/lifecycle.ts",
      from: 'state.bury === null ? ack("acked") : bury(state.bury)',
      to: 'state.bury === null ? ack("acked") : ack("buried")',
    },
  },
  {
    name: "a letter that SQS itself moved is left there",
    edit: {
      file: "core/dead-letters/sweep/sweep-pass.ts",
      from: "if (!letters.isMoved(message)) return false;",
      to: "if (letters.isMoved(message)) return false;",
    },
  },
  {
    name: "a letter at the end of a page hides the next of its group",
    edit: {
      file: "core/dead-letters/look.ts",
      from: "messages.length < PAGE.max || last === undefined",
      to: "messages.length > 0 || last === undefined",
    },
    seed: 284,
  },
  {
    name: "a malformed message that SQS itself moved is left there",
    edit: {
      file: "core/dead-letters/sweep/sweep-pass.ts",
      from: "return decoded.step !== null || (",
      to: "return decoded.step === null && (",
    },
  },
];
