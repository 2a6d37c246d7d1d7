// `taskiq replay --canary` and `--wait`: a few go first, the others only when those have succeeded.
// The command then prints how each one ended.
import assert from "node:assert/strict";
import { Writable } from "node:stream";
import { describe, test } from "node:test";
import { actOn, type Pace } from "../../../../cli/operator/act-on-plans.ts";
import { anyLetter } from "../../../../core/dead-letters/filter.ts";
import { inspectDeadLetters } from "../../../../core/dead-letters/inspect.ts";
import { HeldLetters } from "../../../../core/dead-letters/replay/held.ts";
import { planLetter } from "../../../../core/dead-letters/replay/replay-plan.ts";
import type { Ledger } from "../../../../core/ledger/port.ts";
import { decode } from "../../../../core/step/envelope.ts";
import { idempotencyKey } from "../../../../core/step/step.ts";
import { never } from "../../../support/dagster/step-orders.ts";
import { result } from "../../../support/ports/scripted-steps.ts";
import { bench } from "../../dead-letters/setup.ts";

type World = Awaited<ReturnType<typeof bench>>;

class Text extends Writable {
  text = "";
  override _write(chunk: unknown, _encoding: string, done: () => void): void {
    this.text += String(chunk);
    done();
  }
}

async function planned({ letters, ledger, runner, clock, queue }: World, held: HeldLetters) {
  const ports = { letters: await letters(), ledger, dagster: runner, clock };
  const keeping = {
    keep: (message: Parameters<HeldLetters["add"]>[0], hideMs: number) => held.add(message, hideMs),
    mended: <M>(message: M) => message,
  };
  const looking = inspectDeadLetters(ports, anyLetter, null, never, keeping);
  let over = false;
  void looking.finally(() => {
    over = true;
  });
  while (!over) await clock.advance(100);
  const { url: sourceUrl } = await queue.describe();
  const { letters: found } = await looking;
  return found.map((joined) =>
    planLetter(joined, null, { sourceUrl, misnamed: new Set(), unsignable: new Set(), purge: null }),
  );
}

/** Acts as a worker: ends the steps in the queue as `ends` says. */
async function work({ ledger, source }: World, ends: Readonly<Record<string, Parameters<typeof result>[0]>>) {
  for (const { body } of source.inspect()) {
    const decoded = decode(body);
    const step = decoded.kind === "step" ? decoded.envelope : assert.fail(body);
    const end = ends[step.stepKey];
    if (end === undefined) continue;
    const asked = { owner: "w", leaseMs: 60_000, messageId: "m", payloadDigest: "d", receivedAtMs: 0 };
    const key = idempotencyKey(step);
    const claimed = await ledger.claim({ key, step, ...asked });
    if (claimed.kind === "granted") await ledger.settle({ key, fence: claimed.fence }, result(end));
  }
}

/** The ledger of a replay, and the keys of the rows that were looked at, in order. */
function watched(real: World["ledger"]) {
  const asked: string[] = [];
  const ledger: Pick<Ledger, "find" | "planReplay" | "advanceReplay" | "reopen"> = {
    find: (key) => {
      asked.push(key);
      return real.find(key);
    },
    planReplay: (plan, id) => real.planReplay(plan, id),
    advanceReplay: (id, to, sentId) => real.advanceReplay(id, to, sentId),
    reopen: (request) => real.reopen(request),
  };
  return { asked, ledger };
}

async function replay(wish: Partial<Pace>, ends: Readonly<Record<string, Parameters<typeof result>[0]>>) {
  const world = await bench();
  for (const key of ["a", "b", "c"]) world.move(key, key);
  const held = new HeldLetters(await world.letters(), world.clock);
  const plans = await planned(world, held);
  const { asked, ledger } = watched(world.ledger);
  const [stdout, stderr, said] = [new Text(), new Text(), [] as string[]];
  const pace = { canary: null, wait: false, waitTimeoutMs: 60_000, perSecond: null, ...wish };
  const acting = actOn(plans, pace, {
    config: { why: "test", json: true },
    ports: world,
    ledger,
    held,
    quiet: never,
    who: "ops",
    letters: await world.letters(),
    io: { stdout, stderr, env: {} },
    say: (text: string) => said.push(text),
  } as unknown as Parameters<typeof actOn>[2]);
  let over = false;
  void acting.finally(() => {
    over = true;
  });
  while (!over) {
    await world.clock.advance(100);
    await work(world, ends);
  }
  const lines = stdout.text.trim().split("\n");
  const outcomes = lines.map((line) => JSON.parse(line)).map(({ step_key, end, outcome }) => [step_key, end, outcome]);
  await held.release();
  return { code: await acting, outcomes, said, asked, left: world.deadLetters.inspect().map(({ state }) => state) };
}

const allWell = { a: "success", b: "success", c: "success" } as const;

describe("a canary", () => {
  test("a canary that succeeds lets the other letters go", async () => {
    const { code, outcomes, said, left } = await replay({ canary: 1 }, allWell);
    assert.equal(code, 0);
    assert.deepEqual(outcomes, [
      ["a", "sent", "succeeded"],
      ["b", "sent", null],
      ["c", "sent", null],
    ]);
    assert.equal(said.at(-1), "1 succeeded, 2 sent", "nobody waited for the others");
    assert.ok(said.includes("all 1 of the canary succeeded"), said.join("\n"));
    assert.deepEqual(left, []);
  });

  test("a canary's row is no longer read once its outcome is known", async () => {
    const { code, outcomes, asked } = await replay({ canary: 1, wait: true }, allWell);
    assert.deepEqual([code, outcomes.map(([, , outcome]) => outcome)], [0, ["succeeded", "succeeded", "succeeded"]]);
    assert.ok(asked.lastIndexOf("run-1:a") < asked.indexOf("run-1:b"), "its row is looked at no more");
  });

  test("a canary that fails leaves the other letters where they are", async () => {
    const { code, outcomes, said, left } = await replay({ canary: 2 }, { a: "success", b: "failure" });
    assert.equal(code, 1);
    assert.deepEqual(outcomes, [
      ["a", "sent", "succeeded"],
      ["b", "sent", "failed"],
      ["c", null, null],
    ]);
    assert.ok(said.includes("1 of the 2 of the canary succeeded; the others stay where they are"), said.join("\n"));
    assert.deepEqual(left, ["visible"]);
  });
});

describe("waiting", () => {
  test("replay --wait reports each outcome and exits with 0 when all succeeded", async () => {
    const { code, outcomes } = await replay({ wait: true }, allWell);
    assert.deepEqual([code, outcomes.map(([, , outcome]) => outcome)], [0, ["succeeded", "succeeded", "succeeded"]]);
  });

  test("replay --wait exits with 1 when one is a dead letter again or has not ended in time", async () => {
    const { code, outcomes, said } = await replay({ wait: true }, { a: "success", b: "reported" });
    assert.deepEqual([code, outcomes.map(([, , outcome]) => outcome)], [1, ["succeeded", "buried", "open"]]);
    assert.equal(said.at(-1), "1 succeeded, 1 dead again, 1 not ended yet");
  });
});
