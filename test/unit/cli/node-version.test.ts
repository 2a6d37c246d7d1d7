// Which runtimes taskiq refuses to start on.
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";
import { OLDEST_NODE, unfitRuntime } from "../../../cli/node-version.ts";

test("the oldest Node is the one that package.json names", () => {
  const { engines } = JSON.parse(readFileSync(new URL("../../../package.json", import.meta.url), "utf8"));
  assert.equal(engines.node, `>=${OLDEST_NODE}`);
});

for (const [versions, isFit] of [
  [{ node: "20.20.2" }, false],
  [{ node: "22.18.9" }, false],
  [{ node: "22.19.0" }, true],
  [{ node: "24.0.1" }, true],
  // What Deno says of its Node is not of Node's making.
  [{ node: "20.11.1", deno: "2.5.0" }, true],
] as const) {
  const what = Object.entries(versions).flat().join(" ");
  test(`${what} is ${isFit ? "taken" : "refused"}`, () => assert.equal(unfitRuntime(versions) === null, isFit));
}
