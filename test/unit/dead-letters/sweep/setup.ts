// A sweep on a manual clock over the model of SQS: real queues with real redrives, a ledger in
// memory, a runner without processes.
import type { TestContext } from "node:test";
import { SqsModel } from "../../../../cli/dev/sqs-server/model.ts";
import { Bugs } from "../../../../core/bugs.ts";
import { runSweep } from "../../../../core/dead-letters/sweep/sweep.ts";
import type { ExecutorPorts } from "../../../../core/delivery/effects/ports.ts";
import { SenderVersions } from "../../../../core/delivery/effects/sender-versions.ts";
import { Executor } from "../../../../core/delivery/executor.ts";
import { noOutcomes } from "../../../../core/delivery/outcome-counts.ts";
import { defaultPolicy } from "../../../../core/delivery/policy.ts";
import { Outages } from "../../../../core/outages.ts";
import { readNote } from "../../../../core/queue/dead-letter-note.ts";
import type { DeadLetterQueue } from "../../../../core/queue/port.ts";
import { idempotencyKey } from "../../../../core/step/step.ts";
import { Notices } from "../../../../core/worker/notices.ts";
import { ManualClock } from "../../../support/clocks/manual-clock.ts";
import { WatchedLedger } from "../../../support/ledger/watched-ledger.ts";
import { Observations } from "../../../support/observations.ts";
import { FakeRunner } from "../../../support/ports/fake-runner.ts";
import { MemoryLedger } from "../../../support/ports/memory-ledger.ts";
import { ModelQueue } from "../../../support/ports/model-queue.ts";
import { bodyFor } from "../../../support/sqs/messages.ts";

export const intervalMs = 60_000;
export const leaseMs = 60_000;

interface BenchOptions {
  readonly fifo?: boolean;
  readonly dlqRedrives?: boolean;
  readonly envelopeKeys?: readonly string[];
}

export function bench(t: TestContext, { fifo = true, dlqRedrives = false, envelopeKeys = [] }: BenchOptions = {}) {
  const clock = new ManualClock();
  const journal: string[] = [];
  const write = (line: string) => void journal.push(line);
  const { source, theirs, deadLetters } = queues(clock, fifo, dlqRedrives);
  const queue = new ModelQueue({ source, deadLetters, clock });
  const store = new MemoryLedger({ clock, writeBoundMs: 5_000 });
  const ledger = new WatchedLedger(store, write);
  const runner = new FakeRunner(write);
  runner.down = null;
  const logged = new Observations();
  const observe = logged.observe;
  const kill = new AbortController();
  const circuit = { open: false };
  let sent = 0;

  /** Puts a message into a queue and receives it until SQS has moved it. */
  const moved = async (stepKey = "load", body = bodyFor(stepKey), groupId = `g${sent}`, from = source) => {
    sent += 1;
    const { messageId } = from.send(fifo ? { body, groupId, deduplicationId: `d${sent}` } : { body });
    for (let looks = 0; looks < 3; looks += 1) {
      const found = from.receive({ max: 10, visibilityMs: 30_000 });
      for (const { receive } of found) from.changeVisibility(receive?.receipt ?? "", 0);
    }
    return messageId;
  };

  /** What goes wrong with the dead letter queue where a test wants it to. */
  const faults: Record<"open" | "depth" | "bury" | "ack", unknown> = { open: null, depth: null, bury: null, ack: null };
  const asked = { depth: 0 };
  /** Each beginning (true) and end of a pass. */
  const passes: boolean[] = [];
  const open = async (): Promise<DeadLetterQueue | null> => {
    if (faults.open !== null) throw faults.open;
    const letters = await queue.deadLetters();
    if (letters === null) return null;
    return {
      ...letters,
      depth: async () => {
        asked.depth += 1;
        return faults.depth === null ? await letters.depth() : Promise.reject(faults.depth);
      },
      bury: async (...burial) => (faults.bury === null ? await letters.bury(...burial) : Promise.reject(faults.bury)),
      ack: async (receipts) => (faults.ack === null ? await letters.ack(receipts) : Promise.reject(faults.ack)),
    };
  };

  /** Starts a worker's sweep; its first look is after half an interval. */
  const start = (worker = "worker-a", opened = open) => {
    const quiet = new AbortController();
    const chance = () => 0.5;
    const notify = new Notices({ runner, clock, observe }).notify;
    const outages = new Outages({ clock, observe });
    const copied = new Set<string>();
    const executorPorts: ExecutorPorts = {
      ...{
        queue,
        ledger,
        runner,
        notify,
        clock,
        observe,
        outages,
        chance,
        policy: defaultPolicy,
        senders: new SenderVersions(),
        copied,
        outcomes: noOutcomes(),
        worker,
        leaseMs,
        queueName: "steps.fifo",
        envelopeKeys,
      },
    };
    const breaker = { mayReport: () => !circuit.open };
    const passing = (underWay: boolean) => void passes.push(underWay);
    const ports = { ledger, clock, observe, bugs: new Bugs(observe), outages, copied, chance, breaker, passing };
    const executor = new Executor(executorPorts, kill.signal);
    const settings = { leaseMs, killMarginMs: 5_000, sweepMs: intervalMs, worker };
    let over = false;
    const running = runSweep(opened, { ...ports, executor, quiet }, settings, quiet.signal).then(() => {
      over = true;
    });
    t.after(async () => {
      quiet.abort();
      kill.abort();
      await clock.advance(10 * intervalMs);
      await running;
    });
    return { quiet, running, isOver: () => over };
  };

  /**
   * Every dead letter: its step, its reason if it has a note, and whether anyone may receive it.
   */
  const letters = () =>
    deadLetters.inspect().map((letter) => {
      const { step_key: step } = JSON.parse(letter.body) as { step_key?: string };
      return { id: letter.id, step, reason: readNote(letter)?.reason ?? null, state: letter.state };
    });

  const rowOf = async (stepKey = "load") => {
    const row = await store.find(idempotencyKey({ runId: "run-1", stepKey, attempt: 0 }));
    return row === null ? null : [row.state, row.outcome?.state ?? null];
  };

  return {
    ...{
      clock,
      journal,
      source,
      theirs,
      deadLetters,
      queue,
      ledger,
      store,
      runner,
      logged,
      kill,
      faults,
      asked,
      passes,
      circuit,
    },
    moved,
    start,
    letters,
    rowOf,
  };
}

function queues(clock: ManualClock, fifo: boolean, dlqRedrives: boolean) {
  const model = new SqsModel({ clock });
  const [suffix, type] = fifo ? [".fifo", { FifoQueue: "true" }] : ["", {}];
  const redriveTo = (deadLetterTargetArn: string) => ({
    RedrivePolicy: JSON.stringify({ deadLetterTargetArn, maxReceiveCount: 2 }),
  });
  const beyond = dlqRedrives ? redriveTo(model.createQueue(`beyond${suffix}`, type).arn) : {};
  const deadLetters = model.createQueue(`dead${suffix}`, { ...type, ...beyond });
  const [source, theirs] = ["steps", "theirs"].map((name) =>
    model.createQueue(`${name}${suffix}`, { ...type, ...redriveTo(deadLetters.arn) }),
  );
  if (source === undefined || theirs === undefined) throw new Error("two queues were made");
  return { source, theirs, deadLetters };
}
