// Replay loses nothing and sends nothing twice, wherever it is killed. Only letters whose attempt
// is still open go back.
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { exportText } from "../../../../core/dead-letters/records.ts";
import { HOLD_MS } from "../../../../core/dead-letters/replay/held.ts";
import { readExport } from "../../../../core/dead-letters/replay/read-export.ts";
import { inRounds } from "../../../../core/dead-letters/replay/replay-plan.ts";
import { payloadDigest } from "../../../../core/delivery/digest.ts";
import { readNote } from "../../../../core/queue/dead-letter-note.ts";
import { bodyFor, envelope } from "../../../support/sqs/messages.ts";
import { bench } from "../setup.ts";
import { Killed, start } from "./replay-setup.ts";

type World = Awaited<ReturnType<typeof bench>>;

const step = (stepKey: string) => ({ runId: "run-1", stepKey, attempt: 0 });
const keysIn = (queue: World["source"]) =>
  queue
    .inspect()
    .map(({ body }) => JSON.parse(body).step_key)
    .sort();

/**
 * Three that are parked, and buried by a worker; one that SQS moved, of which the ledger knows
 * nothing.
 */
async function worldOfFour(fifo: boolean) {
  const world = await bench({ fifo });
  for (const key of ["a", "b", "c"]) {
    await world.park(step(key));
    await world.bury(key, bodyFor(key), "one");
  }
  world.move("d", "two");
  return world;
}

describe("replaying", () => {
  for (const fifo of [true, false]) {
    test(`replay sends a letter whose attempt is open, in its group, and reopens its row, ${fifo ? "FIFO" : "standard"}`, async () => {
      const world = await worldOfFour(fifo);
      const { ends } = await start(world);
      assert.deepEqual([...new Set(ends.map(([, kind]) => kind))], ["sent"]);
      assert.deepEqual([keysIn(world.source), world.deadLetters.inspect()], [["a", "b", "c", "d"], []]);
      for (const { attributes } of world.source.inspect()) assert.equal(readNote({ attributes }), null);
      if (fifo) {
        const groups = world.source.inspect().map(({ body, groupId }) => [JSON.parse(body).step_key, groupId]);
        assert.deepEqual(groups.sort(), [
          ["a", "one"],
          ["b", "one"],
          ["c", "one"],
          ["d", "two"],
        ]);
        assert.deepEqual(
          groups.map(([key]) => key).filter((key) => key !== "d"),
          ["a", "b", "c"],
        );
      }
      const row = await world.ledger.find("run-1:a");
      assert.deepEqual([row?.state, row?.starts], ["pending", 0]);
      const [reopening] = await world.ledger.reopenings("run-1:a");
      assert.deepEqual([reopening?.who, reopening?.why, reopening?.fromState], ["ops", "mended", "dead"]);
    });
  }

  test("replay that is killed at any effect and started again sends each letter once and leaves none", async () => {
    const { effects } = await start(await worldOfFour(true));
    assert.ok(effects > 20, `only ${effects} effects`);
    for (let effect = 0; effect < effects; effect += 1) {
      for (const when of ["before", "after"] as const) {
        const world = await worldOfFour(true);
        await assert.rejects(start(world, { killAt: { effect, when } }), Killed);
        await world.clock.advance(HOLD_MS);
        await start(world);
        const at = `killed ${when} effect ${effect}`;
        assert.deepEqual(keysIn(world.source), ["a", "b", "c", "d"], at);
        assert.deepEqual(world.deadLetters.inspect(), [], at);
        for (const key of ["a", "b", "c"])
          assert.equal((await world.ledger.find(`run-1:${key}`))?.state, "pending", at);
      }
    }
  });

  test("replay of a standard queue that is killed anywhere and started again loses no letter", async () => {
    const { effects } = await start(await worldOfFour(false));
    for (let effect = 0; effect < effects; effect += 1) {
      const world = await worldOfFour(false);
      await assert.rejects(start(world, { killAt: { effect, when: "after" } }), Killed);
      await world.clock.advance(HOLD_MS);
      await start(world);
      // What was sent and not noted is sent again: the ledger lets one of the two run.
      assert.deepEqual([...new Set(keysIn(world.source))], ["a", "b", "c", "d"], `effect ${effect}`);
      assert.deepEqual(world.deadLetters.inspect(), []);
    }
  });

  test("a letter that is replayed, buried and replayed within the deduplication window is sent each time", async () => {
    const world = await bench();
    for (const time of [1, 2, 3]) {
      await world.park(step("a"));
      await world.bury("a");
      assert.deepEqual((await start(world)).ends, [["run-1:a", "sent"]], `time ${time}`);
      const [message] = world.source.receive({ max: 1, visibilityMs: 1_000 });
      assert.ok(message?.receive, `nothing came the ${time}. time`);
      world.source.delete(message.receive.receipt);
    }
    assert.equal((await world.ledger.reopenings("run-1:a")).length, 3);
  });

  test("replay leaves and names letters whose attempt is not open, and purge takes only those that succeeded", async () => {
    const world = await bench();
    for (const key of ["ok", "bad", "held"]) await world.bury(key);
    world.runner.record("run-1:ok", "STEP_SUCCESS");
    world.runner.record("run-1:bad", "STEP_FAILURE");
    const claim = { owner: "w", leaseMs: 600_000, messageId: "m", payloadDigest: "d", receivedAtMs: 0 };
    await world.ledger.claim({ key: "run-1:held", step: step("held"), ...claim });
    const { plans, ends } = await start(world);
    assert.deepEqual(plans.map(([key, act]) => [key, act]).sort(), [
      ["run-1:bad", "refuse"],
      ["run-1:held", "skip"],
      ["run-1:ok", "skip"],
    ]);
    assert.deepEqual([ends, world.source.inspect()], [[], []]);
    assert.ok(world.deadLetters.inspect().every(({ state }) => state === "visible"));
    const purged = await start(world, { purge: true });
    assert.deepEqual([purged.ends, keysIn(world.deadLetters)], [[["run-1:ok", "deleted"]], ["bad", "held"]]);
  });

  test("a letter that SQS refuses stays, and so do those after it in its group", async () => {
    const world = await worldOfFour(true);
    const { resend } = await world.letters();
    const changes: Parameters<typeof start>[1] = {
      changes: {
        resend: async (copies) =>
          Promise.all(
            copies.map(async (copy) =>
              copy.body === bodyFor("b") ? { kind: "failed" as const } : ((await resend([copy]))[0] ?? assert.fail()),
            ),
          ),
      },
    };
    const { ends } = await start(world, changes);
    assert.deepEqual(ends.map(([key, kind]) => `${key} ${kind}`).sort(), [
      "run-1:a sent",
      "run-1:b not_sent",
      "run-1:c not_sent",
      "run-1:d sent",
    ]);
    assert.deepEqual(keysIn(world.deadLetters), ["b", "c"]);
    await start(world);
    assert.deepEqual([keysIn(world.source), world.deadLetters.inspect()], [["a", "b", "c", "d"], []]);
  });

  test("a letter that changed since the look is not overtaken by those after it in its group", async () => {
    const world = await worldOfFour(true);
    const meanwhile = async () => {
      const row = await world.ledger.find("run-1:a");
      assert.ok(row);
      await world.ledger.reopen({ key: row.key, fence: row.fence, payloadDigest: "another", who: "bob", why: "?" });
    };
    const { ends } = await start(world, { meanwhile });
    assert.deepEqual(ends.map(([key, kind]) => `${key} ${kind}`).sort(), [
      "run-1:a changed",
      "run-1:b not_sent",
      "run-1:c not_sent",
      "run-1:d sent",
    ]);
    assert.deepEqual(keysIn(world.deadLetters), ["a", "b", "c"]);
  });

  test("a letter that was sent and cannot be deleted is not sent again by the next start", async () => {
    const world = await worldOfFour(true);
    const ack = async (receipts: readonly string[]) => receipts.map(() => "failed" as const);
    const { ends } = await start(world, { changes: { ack } });
    assert.deepEqual([...new Set(ends.map(([, kind]) => kind))], ["not_deleted"]);
    await world.clock.advance(600_000); // the queue has forgotten the deduplication ids
    const { plans } = await start(world);
    assert.deepEqual([...new Set(plans.map(([, act]) => act))], ["finish"]);
    assert.deepEqual([keysIn(world.source), world.deadLetters.inspect()], [["a", "b", "c", "d"], []]);
  });

  test("two operators at once send each letter once", async () => {
    const world = await bench();
    for (let i = 0; i < 40; i += 1) await world.bury(`step_${i}`, bodyFor(`step_${i}`), `g${i}`);
    const both = await Promise.all([start(world), start(world)]);
    assert.equal(both.flatMap(({ ends }) => ends).filter(([, kind]) => kind === "sent").length, 40);
    assert.deepEqual([new Set(keysIn(world.source)).size, world.source.inspect().length], [40, 40]);
    assert.deepEqual(world.deadLetters.inspect(), []);
  });

  test("a mended body is sent under its attempt's key, and another step's body is not", async () => {
    const world = await bench();
    const wrong = bodyFor("a", { op_name: 7 });
    await world.park(step("a"));
    await world.bury("a", wrong);
    await world.bury("b");
    const [a] = world.deadLetters.inspect().map(({ id }) => id);
    assert.deepEqual((await start(world, {})).plans.map(([key, act]) => [key, act]).slice(1), [["run-1:b", "send"]]);
    await world.bury("c");
    const c = world.deadLetters.inspect().find(({ body }) => body === bodyFor("c"))?.id ?? "";
    const mended = new Map([
      [a ?? "", bodyFor("a")],
      [c, bodyFor("other")],
    ]);
    const { plans } = await start(world, { mended });
    assert.deepEqual(plans.map(([, act, why]) => `${act}: ${why}`).slice(1), [
      "refuse: its mended body names another step",
    ]);
    assert.equal((await world.ledger.find("run-1:a"))?.payloadDigest, payloadDigest(envelope("a")));
    assert.ok(world.source.inspect().some(({ body }) => body === bodyFor("a")));
  });

  test("replay at a rate takes its time, and holds the letters meanwhile", async () => {
    const world = await bench();
    for (let i = 0; i < 40; i += 1) await world.bury(`step_${i}`, bodyFor(`step_${i}`), `g${i}`);
    const since = world.clock.monoMs();
    const { ends } = await start(world, { perSecond: 0.1 });
    assert.ok(world.clock.monoMs() - since >= 400_000);
    assert.deepEqual([...new Set(ends.map(([, kind]) => kind))], ["sent"]);
    assert.ok(world.deadLetters.inspect().length === 0 && world.source.inspect().length === 40);
  });
});

test("a round holds ten letters, one of each group, in order", () => {
  const letters = [..."aab", ..."cdefghijk", "a"].map((group, i) => ({ group, i }));
  const rounds = inRounds(letters, ({ group }) => group);
  assert.ok(
    rounds.every((round) => round.length <= 10 && new Set(round.map(({ group }) => group)).size === round.length),
  );
  const ofA = rounds.flat().filter(({ group }) => group === "a");
  assert.deepEqual([rounds.flat().length, ofA.map(({ i }) => i)], [13, [0, 1, 12]]);
});

test("an export is read as it was written; edits and cuts are reported", async () => {
  const world = await bench();
  await world.bury("a");
  await world.bury("b");
  const { letters } = await world.inspect();
  const text = exportText(letters);
  const whole = readExport(text);
  assert.ok(!("problem" in whole));
  assert.deepEqual([[...whole.bodies.values()], whole.edited, whole.intact], [[bodyFor("a"), bodyFor("b")], [], true]);
  const edited = readExport(text.replace('\\"op_name\\":\\"b\\"', '\\"op_name\\":\\"x\\"'));
  assert.ok(!("problem" in edited));
  assert.deepEqual([edited.edited, edited.intact], [[letters[1]?.letter.message.id], false]);
  const cut = readExport(text.slice(0, text.indexOf("\n") + 1));
  assert.ok("problem" in cut && /cut short/.test(cut.problem));
});
