// The queue's contract: every adapter runs the whole of it.
import { describe } from "node:test";
import { ackContract } from "./queue-ack.ts";
import { buryContract } from "./queue-bury.ts";
import { extendContract } from "./queue-extend.ts";
import { fifoContract } from "./queue-fifo.ts";
import { letterContract } from "./queue-letters.ts";
import { receiveContract } from "./queue-receive.ts";
import { resendContract } from "./queue-resend.ts";
import type { MakeQueue } from "./queue-setup.ts";

/** Each test has queues of its own, and some wait a second for a visibility to end. */
const together = { concurrency: true };

export function queueContract(name: string, make: MakeQueue): void {
  describe(`queue contract: ${name}`, together, () => {
    for (const fifo of [true, false]) {
      describe(fifo ? "FIFO" : "standard", together, () => {
        describe("receive", together, () => receiveContract(make, fifo));
        describe("extend", together, () => extendContract(make, fifo));
        describe("ack", together, () => ackContract(make, fifo));
        describe("bury", together, () => buryContract(make, fifo));
        describe("dead letters", together, () => letterContract(make, fifo));
        describe("resend", together, () => resendContract(make, fifo));
      });
    }
    describe("FIFO only", together, () => fifoContract(make));
  });
}
