// Measures the requests of a worker to its queues and its ledger.
import { aroundLedger } from "../circuit/dependencies.ts";
import type { Clock } from "../clock.ts";
import { Fault } from "../faults.ts";
import type { Queue } from "../queue/port.ts";
import type { WorkerPorts } from "../worker/worker.ts";
import type { Meter } from "./port.ts";

interface Ports {
  readonly meter: Meter;
  readonly clock: Pick<Clock, "monoMs">;
}

/** `name` is the queue's. */
export function measureQueue(queue: Queue, name: string, ports: Ports): Queue {
  const timed = <T>(operation: string, ask: Promise<T>) =>
    measured(ask, ports.clock, (seconds, error) =>
      ports.meter.record("messaging.client.operation.duration", seconds, {
        "messaging.operation.name": operation,
        "messaging.destination.name": name,
        "messaging.system": "aws_sqs",
        "error.type": error,
      }),
    );
  return {
    fifo: queue.fifo,
    describe: () => queue.describe(),
    receive: (options) => timed("receive", queue.receive(options)),
    extend: (extensions) => timed("extend", queue.extend(extensions)),
    ack: (receipts) => timed("delete", queue.ack(receipts)),
    bury: (message, reason, id) => timed("send", queue.bury(message, reason, id)),
    depth: () => queue.depth(),
    deadLetters: () => queue.deadLetters(),
    close: () => queue.close(),
  };
}

/** What a worker asks of its ledger. */
type WorkerLedger = WorkerPorts["ledger"];

export function measureLedger(ledger: WorkerLedger, ports: Ports): WorkerLedger {
  const timed = <T>(ask: Promise<T>, operation: string) =>
    measured(ask, ports.clock, (seconds, error) =>
      ports.meter.record("taskiq.ledger.operation", seconds, { operation, error }),
    );
  return {
    ...aroundLedger(ledger, timed),
    ping: () => timed(ledger.ping(), "ping"),
    quiet: ledger.quiet,
    cutReceives: ledger.cutReceives,
    close: () => ledger.close(),
  };
}

async function measured<T>(
  ask: Promise<T>,
  clock: Pick<Clock, "monoMs">,
  record: (seconds: number, error: string) => void,
): Promise<T> {
  const sinceMs = clock.monoMs();
  try {
    const answer = await ask;
    record((clock.monoMs() - sinceMs) / 1_000, "");
    return answer;
  } catch (error) {
    record((clock.monoMs() - sinceMs) / 1_000, error instanceof Fault ? error.code : "other");
    throw error;
  }
}
