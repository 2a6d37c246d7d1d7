// What taskiq says of itself: its version, and the sources that it was built from.
import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { test } from "node:test";
import { taskiqCommand } from "../support/taskiq/taskiq-command.ts";

test("--version --json names the commit that was built, and its date", () => {
  const [program, ...first] = taskiqCommand();
  const stdout = execFileSync(program, [...first, "--version", "--json"], { encoding: "utf8" });
  const { commit, source_date: date, ...rest } = JSON.parse(stdout);
  const { version } = JSON.parse(readFileSync(new URL("../../package.json", import.meta.url), "utf8"));
  assert.deepEqual(rest, { version });
  assert.match(commit, /^[0-9a-f]{40}(?:-dirty)?$/);
  const shown = execFileSync("git", ["show", "--no-patch", "--format=%ct", commit.slice(0, 40)], { encoding: "utf8" });
  assert.equal(Date.parse(date) / 1_000, Number(shown));
});
