// The sweep's bench for an operator who fails dead letters: what lies in the queue, looked at and
// failed with time going on by itself.
import assert from "node:assert/strict";
import type { TestContext } from "node:test";
import { anyLetter } from "../../../../core/dead-letters/filter.ts";
import { inspectDeadLetters } from "../../../../core/dead-letters/inspect.ts";
import { failLetters } from "../../../../core/dead-letters/replay/fail.ts";
import { defaultPolicy } from "../../../../core/delivery/policy.ts";
import { Outages } from "../../../../core/outages.ts";
import { Notices } from "../../../../core/worker/notices.ts";
import { bodyFor } from "../../../support/sqs/messages.ts";
import { intervalMs, leaseMs, bench as sweepBench } from "../sweep/setup.ts";

export async function bench(t: TestContext) {
  const made = sweepBench(t);
  const { clock, ledger, runner, logged, queue } = made;
  const quiet = new AbortController();
  const dead = await queue.deadLetters();
  assert.ok(dead);
  const ports = {
    ...{
      letters: dead,
      ledger,
      runner,
      clock,
      observe: logged.observe,
      chance: () => 0.5,
      leaseMs,
      queueName: "steps.fifo",
    },
    ...{
      policy: defaultPolicy,
      worker: "operator ann",
      notify: new Notices({ runner, clock, observe: logged.observe }).notify,
      outages: new Outages({ clock, observe: logged.observe }),
    },
  };
  /** Time goes on until it is over. */
  const over = async <T>(asked: Promise<T>): Promise<T> => {
    let going = true;
    const ending = asked.finally(() => {
      going = false;
    });
    while (going) await clock.advance(1_000);
    return await ending;
  };
  const inspect = async () => {
    const inspected = { letters: dead, ledger: made.store, dagster: runner, clock };
    return (await over(inspectDeadLetters(inspected, anyLetter, null, quiet.signal))).letters;
  };
  const fail = async (targets: Awaited<ReturnType<typeof inspect>>) => {
    const stopping = { quiet: quiet.signal, kill: made.kill.signal };
    const ends = await over(failLetters(targets, { who: "ann", why: "bad input" }, ports, stopping));
    return [...ends.values()];
  };
  const verdicts = async () => (await inspect()).map(({ verdict }) => verdict.kind);
  /** By the sweep, as its tag says. */
  const parked = async () => {
    const tags = { "taskiq/on_exhausted": "park" };
    await made.moved("load", bodyFor("load", { tags, on_fault: { retry_in: 30 } }));
    const { quiet: stop, running } = made.start();
    await clock.advance(intervalMs);
    stop.abort();
    await running;
    made.journal.length = 0;
  };
  return { ...made, ports, over, inspect, fail, verdicts, parked };
}
