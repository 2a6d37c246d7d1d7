// Engine events: one at a time, in order, never more than can be kept, and done with when the
// worker stops.
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import type { Notice } from "../../../core/runner/port.ts";
import { Notices } from "../../../core/worker/notices.ts";
import { ManualClock } from "../../support/clocks/manual-clock.ts";
import { Observations } from "../../support/observations.ts";
import { FakeRunner } from "../../support/ports/fake-runner.ts";

const notice = (message: string): Notice => ({ runId: "run-1", stepKey: "load", level: "info", message, metadata: {} });

function bench() {
  const clock = new ManualClock();
  const runner = new FakeRunner();
  runner.down = null;
  const logged = new Observations();
  const notices = new Notices({ runner, clock, observe: logged.observe });
  const written = () => runner.notices.map(({ message }) => message);
  return { clock, runner, logged, notices, written };
}

describe("notices", () => {
  test("notices are written one after the other, in their order", async () => {
    const { clock, runner, notices, written } = bench();
    runner.onNotice = async () => {
      await clock.sleep(1_000);
      return true;
    };
    for (const message of ["a", "b", "c"]) notices.notify(notice(message));
    assert.deepEqual(written(), ["a"]);
    await clock.advance(1_000);
    assert.deepEqual(written(), ["a", "b"]);
    await clock.advance(2_000);
    notices.notify(notice("d"));
    assert.deepEqual(written(), ["a", "b", "c", "d"]);
  });

  test("notices beyond the number that can be kept are logged instead", async () => {
    const { runner, logged, notices } = bench();
    runner.onNotice = async () => await new Promise<boolean>(() => undefined);
    for (let i = 0; i <= 201; i += 1) notices.notify(notice(`${i}`));
    assert.deepEqual(logged.messages("notice.lost"), [
      "engine event not written for step load of run run-1 (too many are waiting): 201",
    ]);
  });

  test("notices under way at a stop are waited for, but not forever", async () => {
    const { clock, runner, logged, notices } = bench();
    runner.onNotice = async () => {
      await clock.sleep(2_000);
      return true;
    };
    for (const message of ["a", "b", "c"]) notices.notify(notice(message));
    let flushed = false;
    void notices.flush(3_000).then(() => {
      flushed = true;
    });
    await clock.advance(2_999);
    assert.equal(flushed, false);
    await clock.advance(1);
    assert.equal(flushed, true);
    assert.deepEqual(logged.messages("notice.lost"), [
      "engine event not written for step load of run run-1 (the worker stops): c",
    ]);
  });

  test("notices that are all written keep no stop waiting", async () => {
    const { clock, notices, written } = bench();
    notices.notify(notice("a"));
    await notices.flush(3_000);
    await notices.flush(3_000);
    assert.deepEqual([written(), clock.monoMs(), clock.sleeping], [["a"], 0, 0]);
  });
});
