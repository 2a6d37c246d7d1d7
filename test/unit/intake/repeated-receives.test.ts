// A worker repeats the receives that stopping workers cut, and starts what SQS had handed to them.
import assert from "node:assert/strict";
import { type TestContext, test } from "node:test";
import { Fault } from "../../../core/faults.ts";
import { repeatCutReceives } from "../../../core/intake/repeated-receives.ts";
import { Outages } from "../../../core/outages.ts";
import { message } from "../../support/sqs/messages.ts";
import { bench } from "./setup.ts";

const left = (attemptId: string) => ({ attemptId, queueUrl: "fake:", max: 2, leftMs: 0 });

async function look(t: TestContext, slots: number, attemptIds: readonly string[]) {
  const made = bench(t, { fifo: true, slots });
  const { clock, ledger, lane, intake, logged } = made;
  await clock.advance(0);
  await ledger.cutReceives.leave(attemptIds.map(left));
  const { cutReceives } = ledger;
  const outages = new Outages({ clock, observe: logged.observe });
  const stopped = new AbortController();
  const ports = { lanes: [lane], cutReceives, intake, clock, outages, chance: () => 0.5 };
  const looking = repeatCutReceives(ports, 5_000, stopped.signal);
  t.after(async () => {
    stopped.abort();
    await clock.advance(0);
    await looking;
  });
  return made;
}

test("a repeated receive starts its messages, has the same attempt id, and is repeated once", async (t) => {
  const { clock, queue, begun, logged } = await look(t, 4, ["attempt-of-w-1"]);
  queue.offer(message("m1"));
  await clock.advance(60_000);
  const repeats = queue.received.filter(({ options }) => options.repeats !== undefined);
  assert.deepEqual(
    repeats.map(({ options: { repeats, max, waitMs } }) => ({ repeats, max, waitMs })),
    [{ repeats: "attempt-of-w-1", max: 2, waitMs: 0 }],
  );
  assert.deepEqual([begun, logged.of("intake.receive_repeated").length], [["m1"], 1]);
});

test("a repeated receive that fails closes no gate, costs the others nothing, and is repeated again", async (t) => {
  const { clock, queue, lane, logged } = await look(t, 4, ["refused", "attempt-of-w-1"]);
  queue.onReceive = async () => {
    if (queue.received.at(-1)?.options.repeats === "refused")
      throw new Fault("TQ_QUEUE", "refused: unknown attempt id");
  };
  await clock.advance(10_000);
  const [failed, ...more] = logged.of("intake.cut_receives_failed");
  assert.match(failed?.message ?? "", /what SQS handed to them stays hidden .*: refused: unknown attempt id$/);
  assert.deepEqual([more, lane.gate.closedBecause(), lane.slotsInPoll], [[], null, 4]);
  await clock.advance(60_000);
  assert.deepEqual(
    queue.received.flatMap(({ options: { repeats } }) => repeats ?? []),
    ["refused", "attempt-of-w-1", "refused"],
  );
});
