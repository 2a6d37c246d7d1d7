// Two operators who replay the same dead letters at once, each in a process of their own: every
// letter goes once, and both say what is true.
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { eventually } from "../support/eventually.ts";
import { buryThree, replayedOnce } from "../support/ledger/replayed-once.ts";
import { ALL_SHOWN_MS, openDesk, type PrintedLetter, printedBy, YES } from "../support/taskiq/operators-desk.ts";

const LETTERS = 40;

describe("two replays at once", () => {
  test("two replays at once share the letters, and each reports its own", async (t) => {
    const desk = await openDesk(t);
    for (let i = 0; i < LETTERS; i += 1) desk.send(`step_${i}`, `g${i}`);
    await desk.buryAll();
    const letters = new Set(desk.deadLetters.inspect().map(({ id }) => id));
    // Neither looks before the other does.
    const both = Promise.withResolvers<void>();
    let looks = 0;
    desk.server.faults.otherwise((action) => {
      if (action !== "ReceiveMessage") return null;
      looks += 1;
      if (looks === 2) both.resolve();
      return { kind: "held", until: both.promise };
    });
    const ended = await Promise.all([desk.start(YES).ended, desk.start(YES).ended]);
    const printed = ended.map(printedBy);
    for (const [i, { code, stderr }] of ended.entries()) {
      assert.equal(code, 0, stderr);
      assert.ok(printed[i] !== undefined && printed[i].length > 0, "both had letters to replay");
      assert.match(stderr, new RegExp(`^taskiq replay: ${printed[i].length} sent$`, "m"));
    }
    assert.deepEqual(new Set(printed.flat().map(({ message_id }) => message_id)), letters);
    const sent = desk.source.inspect();
    assert.deepEqual(
      printed
        .flat()
        .map(({ new_message_id }) => new_message_id)
        .sort(),
      sent.map(({ id }) => id).sort(),
    );
    assert.deepEqual([sent.length, desk.deadLetters.inspect()], [LETTERS, []]);
  });

  test("two replays, of which one freezes while sending for longer than it holds the letters, send each once", async (t) => {
    const desk = await openDesk(t);
    const buried = await buryThree(desk);
    const frozen = Promise.withResolvers<void>();
    let sends = 0;
    desk.server.faults.otherwise((action) => {
      if (action !== "SendMessageBatch") return null;
      sends += 1;
      if (sends > 1) return null;
      slow.child.kill("SIGSTOP");
      return { kind: "held", until: frozen.promise };
    });
    const slow = desk.start(YES);
    await eventually("the slow one sends", () => sends === 1);
    desk.clock.skip(ALL_SHOWN_MS);
    const fast = await desk.replay();
    assert.equal(fast.code, 0, fast.stderr);
    assert.deepEqual(
      fast.printed
        .map(({ step_key, why, end }) => `${step_key} ${end}: ${why.replace(/by .+ and/, "by somebody and")}`)
        .sort(),
      [
        "a sent: begun by somebody and not known to be sent",
        "b sent: run still waiting (parked): replay",
        "c sent: begun by somebody and not known to be sent",
      ],
    );
    frozen.resolve();
    slow.child.kill("SIGCONT");
    const { code, stdout, stderr } = await slow.ended;
    assert.equal(code, 0, stderr);
    const slowly = printedBy({ stdout });
    assert.deepEqual([...new Set(slowly.map(({ end }) => end))], ["sent"]);
    const idsOf = (printed: readonly PrintedLetter[]) =>
      printed.map((one) => `${one.step_key} ${one.new_message_id}`).sort();
    assert.deepEqual(idsOf(slowly), idsOf(fast.printed), "both print the same messages");
    await replayedOnce(desk, buried, "deleted");
    const again = await desk.replay();
    assert.deepEqual([again.code, again.printed], [0, []]);
  });
});
