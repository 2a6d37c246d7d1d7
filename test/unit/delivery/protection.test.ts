// When a delivery asks for the protection of its worker's machine.
import assert from "node:assert/strict";
import { type TestContext, test } from "node:test";
import { crashes, type Script, succeeds } from "../../support/ports/scripted-steps.ts";
import { bodyFor, message } from "../../support/sqs/messages.ts";
import { bench } from "./setup.ts";

function protectedBench(t: TestContext) {
  const said: string[] = [];
  const protection = { begin: () => void said.push("begin"), end: () => void said.push("end") };
  const made = bench(t, {}, { protection });
  const runs = (script: Script) =>
    made.runner.scripts.set("load", (step) => {
      said.push("the step runs");
      return script(step);
    });
  return { ...made, said, runs };
}

for (const [how, script, disposition] of [
  ["succeeds", succeeds, "acked"],
  ["crashes", crashes, "released"],
] as const) {
  test(`a delivery whose step ${how} is protected from before its start to the delivery's end`, async (t) => {
    const { deliver, runs, said } = protectedBench(t);
    runs(script);
    assert.equal(await deliver(), disposition);
    assert.deepEqual(said, ["begin", "the step runs", "end"]);
  });
}

test("a delivery that only reports asks for no protection", async (t) => {
  const { deliver, deeds, said } = protectedBench(t);
  assert.equal(await deliver(message("m1", { body: bodyFor("load", { tags: "none" }) })), "buried");
  assert.ok(deeds().includes("report run-1:load malformed"));
  assert.deepEqual(said, []);
});
