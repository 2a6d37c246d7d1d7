// Which sources a build says it was made of.
import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, test } from "node:test";
import { originOf } from "../../../dev/build/origin.mjs";

describe("the origin of a build", () => {
  const at = "2026-11-30T07:00:00Z";
  const seconds = String(Date.parse(at) / 1_000);

  function repository(t: { after: (hook: () => void) => void }): { folder: string; commit: string } {
    const folder = mkdtempSync(join(tmpdir(), "taskiq-origin-"));
    t.after(() => rmSync(folder, { recursive: true }));
    const git = (...args: string[]) => execFileSync("git", ["-C", folder, ...args], { encoding: "utf8", env }).trim();
    const env = { ...process.env, GIT_AUTHOR_DATE: at, GIT_COMMITTER_DATE: at };
    git("init", "--quiet");
    writeFileSync(join(folder, "file"), "one");
    git("add", "file");
    git("-c", "user.name=a", "-c", "user.email=a@b", "commit", "--quiet", "--message", "One");
    git("tag", "v9.9.9");
    return { folder, commit: git("rev-parse", "HEAD") };
  }

  test("the origin of a build is the commit and its date, and says when tracked files differ from it", (t) => {
    const { folder, commit } = repository(t);
    assert.deepEqual(originOf(folder, {}), { commit, sourceDate: at });
    writeFileSync(join(folder, "another"), "untracked");
    assert.equal(originOf(folder, {}).commit, commit);
    writeFileSync(join(folder, "file"), "two");
    assert.deepEqual(originOf(folder, {}), { commit: `${commit}-dirty`, sourceDate: at });
  });

  test("the origin of a build is unknown outside of a repository, and in a folder of another project", (t) => {
    const { folder } = repository(t);
    mkdirSync(join(folder, "vendored"));
    const unknown = { commit: null, sourceDate: null };
    assert.deepEqual(originOf(join(folder, "vendored"), {}), unknown);
    assert.deepEqual(originOf("/", { TASKIQ_COMMIT: "", SOURCE_DATE_EPOCH: "" }), unknown);
  });

  test("the origin of a build is the one in the variables where they are set", () => {
    const origin = originOf("/", { TASKIQ_COMMIT: "abc", SOURCE_DATE_EPOCH: seconds });
    assert.deepEqual(origin, { commit: "abc", sourceDate: at });
    assert.throws(() => originOf("/", { SOURCE_DATE_EPOCH: "soon" }), /^Error: SOURCE_DATE_EPOCH: .* got "soon"$/);
  });
});
