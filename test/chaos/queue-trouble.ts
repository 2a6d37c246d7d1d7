// An SQS that has its days: faults of every kind by a seeded die, outages, and messages that are
// delivered again.
import { type FaultSource, type SeededFault, type ServerFault, seededFaults } from "../support/sqs/server/faults.ts";
import type { SqsServer } from "../support/sqs/server/http.ts";

const batches = ["DeleteMessageBatch", "ChangeMessageVisibilityBatch"];
const some = [0, 2];

const table: readonly SeededFault[] = [
  { chance: 0.03, fault: { kind: "refuse", code: "RequestThrottled", status: 400 } },
  { chance: 0.02, fault: { kind: "error", status: 500, effect: "before" } },
  { chance: 0.02, fault: { kind: "error", status: 503, effect: "after" } },
  { chance: 0.02, fault: { kind: "cut", effect: "before" } },
  { chance: 0.02, fault: { kind: "cut", effect: "after" } },
  { chance: 0.02, fault: { kind: "late", ms: 1_500 } },
  { chance: 0.005, fault: { kind: "stall", at: "head" } },
  { chance: 0.005, fault: { kind: "stall", at: "body" } },
  { chance: 0.02, fault: { kind: "swallow" }, actions: ["ReceiveMessage"] },
  { chance: 0.05, fault: failing("InternalError", false), actions: batches },
  { chance: 0.02, fault: failing("RequestThrottled", true), actions: batches },
];

function failing(code: string, senderFault: boolean): ServerFault {
  return { kind: "entries", positions: some, code, senderFault };
}

export class QueueTrouble {
  /** Faults so far, by kind. */
  readonly injected = new Map<string, number>();
  duplicates = 0;
  readonly #server: SqsServer;
  readonly #queueName: string;
  #isDown = false;

  constructor(server: SqsServer, queueName: string, chance: () => number) {
    this.#server = server;
    this.#queueName = queueName;
    const dice = seededFaults(chance, table);
    server.faults.otherwise((action, input) => this.#count(this.#isDown ? DOWN : dice(action, input)));
  }

  /** Nothing has an effect until it ends. */
  set down(isDown: boolean) {
    this.#isDown = isDown;
  }

  /** Delivers a message in flight once more; false when none is in flight. */
  deliverAgain(chance: () => number): boolean {
    const queue = this.#server.model.queue(this.#queueName);
    const inFlight = queue.inspect().filter(({ state }) => state === "in_flight");
    const message = inFlight[Math.floor(chance() * inFlight.length)];
    if (message === undefined) return false;
    queue.deliverAgain(message.id);
    this.duplicates += 1;
    return true;
  }

  end(): void {
    this.#server.faults.clear();
  }

  #count(fault: ReturnType<FaultSource>): ServerFault | null {
    if (fault !== null) this.injected.set(fault.kind, (this.injected.get(fault.kind) ?? 0) + 1);
    return fault;
  }
}

const DOWN: ServerFault = { kind: "error", status: 503, effect: "before" };
