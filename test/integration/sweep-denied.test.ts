// A sweep whose credentials may copy dead letters and not delete them, over HTTP: each letter gets
// one copy, however often the sweep looks.
import assert from "node:assert/strict";
import { type TestContext, test } from "node:test";
import { Bugs } from "../../core/bugs.ts";
import { systemClock } from "../../core/clock.ts";
import { runSweep } from "../../core/dead-letters/sweep/sweep.ts";
import { SenderVersions } from "../../core/delivery/effects/sender-versions.ts";
import { Executor } from "../../core/delivery/executor.ts";
import { noOutcomes } from "../../core/delivery/outcome-counts.ts";
import { defaultPolicy } from "../../core/delivery/policy.ts";
import { Outages } from "../../core/outages.ts";
import { readNote } from "../../core/queue/dead-letter-note.ts";
import { eventually } from "../support/eventually.ts";
import { Observations } from "../support/observations.ts";
import { FakeRunner } from "../support/ports/fake-runner.ts";
import { MemoryLedger } from "../support/ports/memory-ledger.ts";
import { bodyFor } from "../support/sqs/messages.ts";
import { type Wired, wire } from "../support/sqs/sqs-adapter.ts";

const intervalMs = 20;
const leaseMs = 60_000;

for (const fifo of [true, false]) {
  for (const [what, body] of [
    ["that can be read in part", bodyFor("load", { tags: 7 })],
    ["that ends its step", bodyFor("load")],
  ] as const) {
    test(`a letter ${what} gets one copy while it cannot be deleted, and goes when it can, ${fifo ? "FIFO" : "standard"}`, async (t) => {
      const wired = await wire(t, { fifo, maxReceiveCount: 1 });
      const { server, deadLetters } = wired;
      const id = await moved(wired, body, fifo);
      server.faults.otherwise((action) =>
        action === "DeleteMessageBatch" ? { kind: "refuse", code: "AccessDeniedException", status: 400 } : null,
      );
      const logged = start(t, wired);
      await eventually("the sweep looked six times", () => logged.of("sweep.done").length >= 6);
      assert.deepEqual(copies(wired), [id]);
      assert.equal(deadLetters.inspect().length, 2);
      const warnings = logged.of("delivery.ack_failed").filter(({ level }) => level === "warn");
      assert.equal(warnings.length, 1);

      server.faults.clear();
      await eventually("the copy alone is left", () => deadLetters.inspect().length === 1);
      assert.deepEqual(copies(wired), [id]);
    });
  }
}

/** Sends it and lets SQS move it to the dead letter queue. */
async function moved({ source, deadLetters }: Wired, body: string, fifo: boolean): Promise<string> {
  const { messageId } = source.send(fifo ? { body, groupId: "g", deduplicationId: "d" } : { body });
  for (let receives = 0; receives < 2; receives += 1) {
    for (const { receive } of source.receive({ max: 1, visibilityMs: 30_000 }))
      source.changeVisibility(receive?.receipt ?? "", 0);
  }
  assert.deepEqual(
    deadLetters.inspect().map(({ id }) => id),
    [messageId],
  );
  return messageId;
}

/** Of each copy, the letter that it was made of. */
function copies({ deadLetters }: Wired) {
  const notes = deadLetters.inspect().flatMap((letter) => readNote(letter) ?? []);
  return notes.map((note) => note.message_id);
}

function start(t: TestContext, { queue }: Wired): Observations {
  const logged = new Observations();
  const { observe } = logged;
  const quiet = new AbortController();
  const copied = new Set<string>();
  const outages = new Outages({ clock: systemClock, observe });
  const ledger = new MemoryLedger({ clock: systemClock, writeBoundMs: 5_000 });
  const runner = new FakeRunner(() => undefined);
  runner.down = null;
  const common = { ledger, clock: systemClock, observe, bugs: new Bugs(observe), outages, chance: () => 0 };
  const executorPorts = {
    ...common,
    queue,
    senders: new SenderVersions(),
    copied,
    outcomes: noOutcomes(),
    runner,
    notify: () => undefined,
    policy: defaultPolicy,
    worker: "worker-a",
    leaseMs,
    queueName: "steps.fifo",
  };
  const executor = new Executor(executorPorts, quiet.signal);
  const ports = { ...common, copied, breaker: { mayReport: () => true }, executor, quiet };
  const settings = { leaseMs, killMarginMs: 5_000, sweepMs: intervalMs, worker: "worker-a" };
  const running = runSweep(() => queue.deadLetters(), ports, settings, quiet.signal);
  t.after(async () => {
    quiet.abort();
    await running;
  });
  return logged;
}
