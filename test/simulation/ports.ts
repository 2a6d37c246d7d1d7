// The ledger and the queue as one worker of a simulated fleet reaches them: across its border,
// under the referee's eyes.
import { Fault } from "../../core/faults.ts";
import type { Hold, Ledger } from "../../core/ledger/port.ts";
import type { DeadLetterQueue, EntryResult, Queue } from "../../core/queue/port.ts";
import type { Border } from "./border.ts";
import type { CallFault } from "./faults.ts";
import type { Life } from "./life.ts";
import { asNewerWorker, type Producer } from "./producer.ts";
import type { Referee } from "./referee.ts";
import type { Trace } from "./trace.ts";

export interface Passage {
  readonly life: Life;
  readonly border: Border;
  readonly referee: Referee;
  readonly trace: Trace;
  readonly isDown: () => boolean;
}

const ledgerBroken = () => new Fault("TQ_LEDGER", "the simulated ledger does not answer");
const queueBroken = () => new Fault("TQ_QUEUE", "the simulated queue does not answer");

export interface LedgerPassage extends Passage {
  readonly onClaim: (key: string, fence: number) => void;
}

export function ledgerOf(ledger: Ledger, { life, border, referee, trace, isDown, onClaim }: LedgerPassage): Ledger {
  const ask = <T>(name: string, about: string, effect: () => Promise<T>, after: (answer: T) => string) =>
    border.cross({ name: `ledger.${name}`, about, broken: ledgerBroken, isDown }, async () => {
      const answer = await effect();
      trace.note(life.name, `ledger.${name}: ${after(answer)}`, about);
      return answer;
    });
  return {
    quiet: ledger.quiet,
    cutReceives: ledger.cutReceives,
    claim: (request) =>
      ask(
        "claim",
        request.key,
        () => ledger.claim(request),
        (claim) => {
          if (claim.kind === "granted") {
            referee.claimed(request.key, claim.fence);
            onClaim(request.key, claim.fence);
          }
          return claim.kind === "granted" ? `granted, fence ${claim.fence}, start ${claim.starts}` : claim.kind;
        },
      ),
    renew: (holds, leaseMs) =>
      ask(
        "renew",
        life.name,
        () => ledger.renew(holds, leaseMs),
        (kept) => holds.map(({ key }, i) => `${key} ${kept[i] ? "kept" : "gone"}`).join(", "),
      ),
    permit: (hold, leaseMs) =>
      ask(
        "permit",
        hold.key,
        () => ledger.permit(hold, leaseMs),
        (answer) => {
          if (answer === "granted") referee.fenced(hold, "a permit was granted");
          return named(answer, hold);
        },
      ),
    settle: (hold, outcome) =>
      ask(
        "settle",
        hold.key,
        () => ledger.settle(hold, outcome),
        (answer) => {
          if (answer === "recorded") referee.settled(hold, outcome);
          return `${named(answer, hold)}, ${outcome.state}`;
        },
      ),
    abandon: (hold, options) =>
      ask(
        "abandon",
        hold.key,
        () => ledger.abandon(hold, options),
        (answer) => {
          if (answer === "abandoned") referee.fenced(hold, "a claim was abandoned");
          return `${named(answer, hold)}${options.giveStartBack ? ", start given back" : ""}`;
        },
      ),
    burialKey: () =>
      ask(
        "burialKey",
        life.name,
        () => ledger.burialKey(),
        () => "read",
      ),
    find: (key) => ledger.find(key),
    list: (filter) => ledger.list(filter),
    lock: (name, owner, leaseMs) => ask("lock", life.name, () => ledger.lock(name, owner, leaseMs), String),
    prune: (settledBeforeMs, limit) => ledger.prune(settledBeforeMs, limit),
    planReplay: (plan, id) => ledger.planReplay(plan, id),
    findReplay: (letterId) => ledger.findReplay(letterId),
    advanceReplay: (letterId, to, sentId) => ledger.advanceReplay(letterId, to, sentId),
    reopen: (request) => ledger.reopen(request),
    reopenings: (key) => ledger.reopenings(key),
    ping: () =>
      ask(
        "ping",
        life.name,
        () => ledger.ping(),
        () => "done",
      ),
    close: async () => undefined,
  };
}

export interface QueuePassage extends Passage {
  readonly producer: Producer;
  /** It reads the version that older workers leave alone. */
  readonly newer: boolean;
  readonly onReceived: (count: number) => void;
}

export function queueOf(queue: Queue, passage: QueuePassage): Queue {
  const { life, border, referee, trace, isDown, producer } = passage;
  const name = (receipt: string) => producer.nameOf(receipt);
  const ask = <T>(what: string, about: string, effect: (fault: CallFault | null) => Promise<T>) =>
    border.cross({ name: `queue.${what}`, about, broken: queueBroken, isDown }, effect);
  return {
    fifo: queue.fifo,
    describe: () => queue.describe(),
    depth: () => queue.depth(),
    deadLetters: () => ask("deadLetters", life.name, async () => lettersOf(await queue.deadLetters(), passage)),
    close: async () => undefined,
    receive: (options) =>
      ask("receive", life.name, async (fault) => {
        const messages = await queue.receive(options);
        for (const { id, receiveCount } of messages) trace.note(life.name, `received, time ${receiveCount}`, name(id));
        passage.onReceived(messages.length);
        if (fault === "partial") return [];
        return passage.newer ? messages.map(asNewerWorker) : messages;
      }),
    extend: (extensions) =>
      ask("extend", extensions.length === 1 ? name(extensions[0]?.receipt ?? "") : life.name, async (fault) => {
        const [fails, others] = split(extensions, fault);
        const results = await queue.extend(others);
        others.forEach(({ receipt, visibilityMs }, i) => {
          trace.note(life.name, `queue.extend by ${visibilityMs} ms: ${results[i]}`, name(receipt));
        });
        return merged(extensions.length, fails, results);
      }),
    ack: (receipts) =>
      ask("ack", name(receipts[0] ?? ""), async (fault) => {
        for (const receipt of receipts) referee.acking(receipt);
        const [fails, others] = split(receipts, fault);
        const results = await queue.ack(others);
        others.forEach((receipt, i) => {
          trace.note(life.name, `queue.ack: ${results[i]}`, name(receipt));
        });
        return merged(receipts.length, fails, results);
      }),
    bury: (message, reason, id) =>
      ask("bury", name(message.id), async () => {
        referee.burying(message.id, reason.reason);
        await queue.bury(message, reason, id);
        referee.buried(message.id);
        trace.note(life.name, `queue.bury: ${reason.reason}`, name(message.id));
      }),
  };
}

/** The dead letter queue, across the same border. */
function lettersOf(letters: DeadLetterQueue | null, passage: QueuePassage): DeadLetterQueue | null {
  if (letters === null) return null;
  const { life, border, referee, trace, isDown, producer } = passage;
  const ask = <T>(what: string, about: string, effect: () => Promise<T>) =>
    border.cross({ name: `dead.${what}`, about, broken: queueBroken, isDown }, effect);
  // Copies that workers made are messages of their own, which no run worker sent.
  const name = (receipt: string) => producer.nameOf(receipt);
  return {
    url: letters.url,
    sourceUrl: letters.sourceUrl,
    redrives: letters.redrives,
    retentionMs: letters.retentionMs,
    isMoved: (message) => letters.isMoved(message),
    depth: () => ask("depth", life.name, () => letters.depth()),
    resend: (copies) => letters.resend(copies),
    receive: (options) =>
      ask("receive", life.name, async () => {
        const messages = await letters.receive(options);
        return passage.newer ? messages.map(asNewerWorker) : messages;
      }),
    extend: (extensions) => ask("extend", life.name, () => letters.extend(extensions)),
    ack: (receipts) =>
      ask("ack", name(receipts[0] ?? ""), async () => {
        for (const receipt of receipts) referee.acking(receipt);
        const results = await letters.ack(receipts);
        trace.note(life.name, `dead.ack: ${results.join(", ")}`, name(receipts[0] ?? ""));
        return results;
      }),
    bury: (message, reason, id) =>
      ask("bury", name(message.id), async () => {
        referee.burying(message.id, reason.reason);
        await letters.bury(message, reason, id);
        referee.buried(message.id);
        trace.note(life.name, `dead.bury: ${reason.reason}`, name(message.id));
      }),
  };
}

function named(answer: string, { fence }: Hold): string {
  return `${answer}, fence ${fence}`;
}

/** Of a batch that fails in part, the first entry and every third after it. */
function split<T>(entries: readonly T[], fault: CallFault | null): readonly [ReadonlySet<number>, readonly T[]] {
  const fails = new Set(fault === "partial" ? entries.map((_, i) => i).filter((i) => i % 3 === 0) : []);
  return [fails, entries.filter((_, i) => !fails.has(i))];
}

function merged(count: number, fails: ReadonlySet<number>, results: readonly EntryResult[]): readonly EntryResult[] {
  const rest = results.values();
  return Array.from({ length: count }, (_, i) => (fails.has(i) ? "failed" : (rest.next().value ?? "failed")));
}
