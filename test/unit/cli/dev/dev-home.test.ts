// The Dagster home of `taskiq dev`: made once, never changed, and one owner at a time.
import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type TestContext, test } from "node:test";
import { openHome } from "../../../../cli/dev/home.ts";

/** No process has such a number. */
const GONE = 2 ** 30;

function place(t: TestContext): string {
  const directory = mkdtempSync(join(tmpdir(), "taskiq-home-"));
  t.after(() => rmSync(directory, { recursive: true }));
  return join(directory, "home");
}

test("a new home gets a dagster.yaml, and a user's own is left as it is", (t) => {
  const path = place(t);
  openHome(path, process.pid).close();
  assert.match(readFileSync(join(path, "dagster.yaml"), "utf8"), /^nux:\n {2}enabled: false$/m);
  writeFileSync(join(path, "dagster.yaml"), "# mine\n");
  openHome(path, process.pid).close();
  assert.equal(readFileSync(join(path, "dagster.yaml"), "utf8"), "# mine\n");
});

test("a shell reads back each variable as it was", (t) => {
  const home = openHome(place(t), process.pid);
  const odd = 'it\'s a $HOME `with` "quotes" & blanks';
  home.write({ PLAIN: "http://127.0.0.1:1/x", ODD: odd });
  const shell = `. "${home.variablesFile}"; printf '%s|%s' "$PLAIN" "$ODD"`;
  assert.equal(execFileSync("sh", ["-c", shell], { encoding: "utf8" }), `http://127.0.0.1:1/x|${odd}`);
  home.close();
  assert.equal(existsSync(home.variablesFile), false);
});

test("a home that a living process has is refused, and one that a dead process left is taken", (t) => {
  const path = place(t);
  openHome(path, GONE);
  const home = openHome(path, process.pid);
  const refused = { code: "TQ_CONFIG", message: new RegExp(`another taskiq dev, process ${process.pid}, has this`) };
  assert.throws(() => openHome(path, GONE), refused);
  home.close();
  openHome(path, GONE);
});
