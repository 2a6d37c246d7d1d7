// `taskiq replay` over an SQS that takes, or deletes, only a part of a batch, or does not answer.
// Replay reports what was not done, and the next start does it.
import assert from "node:assert/strict";
import { describe, type TestContext, test } from "node:test";
import { type Buried, buryThree, replayedOnce } from "../support/ledger/replayed-once.ts";
import type { ServerFault } from "../support/sqs/server/faults.ts";
import { type Desk, openDesk, type PrintedLetter, printedBy, YES } from "../support/taskiq/operators-desk.ts";

const MINUTE_MS = 60_000;
/** More often than an entry or a call is tried. */
const EACH_TRY = 10;

const entries = (positions: readonly number[], code: string, senderFault: boolean): ServerFault => ({
  kind: "entries",
  positions,
  code,
  senderFault,
});

const endsOf = (printed: readonly PrintedLetter[]) => printed.map(({ step_key, end }) => `${step_key} ${end}`).sort();

async function deskOfThree(t: TestContext): Promise<Desk & { readonly buried: Buried }> {
  const desk = await openDesk(t);
  return { ...desk, buried: await buryThree(desk) };
}

const shown = ({ deadLetters }: Desk) => deadLetters.inspect().filter(({ state }) => state === "visible").length;

describe("replay", () => {
  test("replay reports letters that SQS refused and those after them in their group, and sends both at its next start", async (t) => {
    const desk = await deskOfThree(t);
    // The first batch has a and c, the heads of the two groups.
    desk.server.faults.next("SendMessageBatch", entries([0], "InvalidMessageContents", true));
    const first = await desk.replay();
    assert.deepEqual([first.code, endsOf(first.printed)], [1, ["a not_sent", "b not_sent", "c sent"]], first.stderr);
    assert.match(first.stderr, /^taskiq replay: (2 not sent, 1 sent|1 sent, 2 not sent)$/m);
    assert.equal(shown(desk), 2, "what was not sent was given back at once");
    const second = await desk.replay();
    assert.deepEqual([second.code, endsOf(second.printed)], [0, ["a sent", "b sent"]], second.stderr);
    await replayedOnce(desk, desk.buried, "deleted");
  });

  test("replay sends again only the letters at which SQS itself failed", async (t) => {
    const desk = await deskOfThree(t);
    desk.server.faults.next("SendMessageBatch", entries([1], "InternalError", false));
    const { code, printed, stderr } = await desk.replay();
    assert.deepEqual([code, endsOf(printed)], [0, ["a sent", "b sent", "c sent"]], stderr);
    const sizes = desk.server.requests
      .filter(({ action }) => action === "SendMessageBatch")
      .map(({ input }) => (input["Entries"] as readonly unknown[]).length);
    assert.deepEqual(sizes, [2, 1, 1]);
    await replayedOnce(desk, desk.buried, "deleted");
  });

  test("replay reports letters that were sent but not deleted, and only deletes them next time, however late that is", async (t) => {
    const desk = await deskOfThree(t);
    const failing = entries([0], "InternalError", false);
    desk.server.faults.next("DeleteMessageBatch", ...Array<ServerFault>(3).fill(failing));
    const first = await desk.replay();
    assert.deepEqual([first.code, endsOf(first.printed)], [1, ["a not_deleted", "b sent", "c sent"]], first.stderr);
    // SQS has forgotten the deduplication ids by then.
    desk.clock.skip(10 * MINUTE_MS);
    const dry = await desk.start(["replay"]).ended;
    assert.match(dry.stdout, / would be deleted {2}sent by .+ as \S+ before: only its deletion is left$/m);
    const second = await desk.replay();
    assert.deepEqual([second.code, endsOf(second.printed)], [0, ["a deleted"]], second.stderr);
    await replayedOnce(desk, desk.buried, "deleted");
  });

  for (const action of ["SendMessageBatch", "DeleteMessageBatch"]) {
    for (const effect of ["before", "after"] as const) {
      test(`replay says so when SQS does not answer ${action}, ${effect} its effect, and the next start ends what was begun`, async (t) => {
        const desk = await deskOfThree(t);
        const fault: ServerFault = { kind: "error", status: 503, effect };
        desk.server.faults.next(action, ...Array<ServerFault>(EACH_TRY).fill(fault));
        const first = await desk.replay();
        assert.equal(first.code, 3, first.stderr);
        assert.match(first.stderr, /TQ_QUEUE/);
        assert.deepEqual(endsOf(first.printed), ["a in_doubt", "b null", "c in_doubt"]);
        const gone = action === "DeleteMessageBatch" && effect === "after";
        assert.equal(shown(desk), gone ? 1 : 3, "what is there was given back");
        desk.server.faults.clear();
        const second = await desk.replay();
        assert.equal(second.code, 0, second.stderr);
        await replayedOnce(desk, desk.buried, gone ? "deleted or gone" : "deleted");
      });
    }
  }

  test("an interrupted replay finishes what it has begun, and gives the rest back at once", async (t) => {
    const desk = await deskOfThree(t);
    const { child, ended } = desk.start(YES);
    const stopping = Promise.withResolvers<void>();
    child.stderr?.on("data", (text) => String(text).includes("stopping; finishing the letters") && stopping.resolve());
    desk.server.faults.otherwise((action) => {
      if (action !== "SendMessageBatch") return null;
      child.kill("SIGINT");
      return { kind: "held", until: stopping.promise };
    });
    const first = await ended;
    assert.deepEqual([first.code, endsOf(printedBy(first))], [1, ["a sent", "b null", "c sent"]], first.stderr);
    assert.match(first.stderr, /^taskiq replay: (2 sent, 1 not reached|1 not reached, 2 sent)$/m);
    assert.equal(shown(desk), 1);
    desk.server.faults.clear();
    const second = await desk.replay();
    assert.deepEqual([second.code, endsOf(second.printed)], [0, ["b sent"]], second.stderr);
    await replayedOnce(desk, desk.buried, "deleted");
  });

  test("a replay that was refused in part says in its table what to do", async (t) => {
    const desk = await deskOfThree(t);
    desk.server.faults.next("SendMessageBatch", entries([1], "InvalidMessageContents", true));
    const { code, stdout } = await desk.start(YES.filter((flag) => flag !== "--json")).ended;
    assert.equal(code, 1);
    const lines = stdout.trimEnd().split("\n");
    const cells = lines.map((line) => line.split(/ {2,}/).slice(2).join(" | "));
    assert.deepEqual(cells, [
      "STEP | WHAT | WHY",
      "a | sent | run still waiting (parked): replay",
      "b | sent | run still waiting (parked): replay",
      "c | not sent | SQS did not take it, or one before it in its group was not sent: run this again",
    ]);
  });
});
