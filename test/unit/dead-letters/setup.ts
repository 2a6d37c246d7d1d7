// A dead letter queue over the model of SQS on a manual clock, a ledger in memory, and a Dagster
// that is a fake runner's log.

import { SqsModel } from "../../../cli/dev/sqs-server/model.ts";
import { anyLetter, type LetterFilter } from "../../../core/dead-letters/filter.ts";
import { inspectDeadLetters } from "../../../core/dead-letters/inspect.ts";
import type { DeadLetterQueue } from "../../../core/queue/port.ts";
import { idempotencyKey, type StepId } from "../../../core/step/step.ts";
import { ManualClock } from "../../support/clocks/manual-clock.ts";
import { never } from "../../support/dagster/step-orders.ts";
import { FakeRunner } from "../../support/ports/fake-runner.ts";
import { MemoryLedger } from "../../support/ports/memory-ledger.ts";
import { ModelQueue } from "../../support/ports/model-queue.ts";
import { result } from "../../support/ports/scripted-steps.ts";
import { bodyFor, message } from "../../support/sqs/messages.ts";

const bodyReason = {
  reason: "crash_loop",
  detail: "SIGKILL",
  errorClass: null,
  fingerprint: null,
  starts: 3,
  worker: "w",
};

export async function bench({ fifo = true } = {}) {
  const clock = new ManualClock();
  const model = new SqsModel({ clock });
  const [suffix, type] = fifo ? [".fifo", { FifoQueue: "true" }] : ["", {}];
  const deadLetters = model.createQueue(`dead${suffix}`, type);
  const source = model.createQueue(`steps${suffix}`, type);
  const queue = new ModelQueue({ source, deadLetters, clock });
  const ledger = new MemoryLedger({ clock, writeBoundMs: 5_000 });
  const runner = new FakeRunner();
  await runner.start();
  let sent = 0;

  /** A worker's burial of a message of that body. */
  const bury = async (stepKey: string, body = bodyFor(stepKey), groupId = "g") => {
    sent += 1;
    const buried = message(`m${sent}`, { body, groupId: fifo ? groupId : null });
    await queue.bury(buried, bodyReason, buried.id);
  };

  /** What SQS itself moved: a message without a note. */
  const move = (stepKey: string, groupId: string) => {
    sent += 1;
    deadLetters.send({ body: bodyFor(stepKey), groupId, deduplicationId: fifo ? `d${sent}` : null });
  };

  /** The row of an attempt that was left open. */
  const park = async (step: StepId) => {
    const key = idempotencyKey(step);
    const claimed = { owner: "w", leaseMs: 1_000, messageId: "m", payloadDigest: "d", receivedAtMs: 0 };
    const claim = await ledger.claim({ key, step, ...claimed });
    if (claim.kind !== "granted") throw new Error(`${key} is ${claim.kind}`);
    await ledger.settle({ key, fence: claim.fence }, result("parked"));
  };

  const letters = async (changes: Partial<DeadLetterQueue> = {}): Promise<DeadLetterQueue> => {
    const opened = await queue.deadLetters();
    if (opened === null) throw new Error("there is a dead letter queue");
    return { ...opened, ...changes };
  };

  /** Calls `onPage` before each receive, with how many there were before it. */
  const counted = async (onPage: (page: number) => void, changes: Partial<DeadLetterQueue>) => {
    const opened = await letters(changes);
    let pages = 0;
    const receive: DeadLetterQueue["receive"] = async (options) => {
      onPage(pages);
      pages += 1;
      return await opened.receive(options);
    };
    return { ...opened, receive };
  };

  /** Looks, with time going on by itself. */
  const inspect = async (
    filter: Partial<LetterFilter> = {},
    { limit = null, changes = {}, onPage = () => undefined, quiet = never, dagster = runner }: InspectWish = {},
  ) => {
    const ports = { letters: await counted(onPage, changes), ledger, dagster, clock };
    const looking = inspectDeadLetters(ports, { ...anyLetter, ...filter }, limit, quiet);
    let over = false;
    const noted = () => {
      over = true;
    };
    looking.then(noted, noted);
    while (!over) await clock.advance(100);
    return await looking;
  };

  /** Whether every one of them may be received now, and how often each was. */
  const states = () => [...new Set(deadLetters.inspect().map(({ state, receiveCount }) => `${state} ${receiveCount}`))];

  return { clock, source, deadLetters, queue, letters, ledger, runner, bury, move, park, inspect, states };
}

interface InspectWish {
  readonly limit?: number | null;
  readonly changes?: Partial<DeadLetterQueue>;
  readonly onPage?: (page: number) => void;
  readonly quiet?: AbortSignal;
  readonly dagster?: FakeRunner | null;
}
