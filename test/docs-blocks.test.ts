// Whatever stands in the pages as code is code: commands that the real options take, scripts and
// files that exist, texts that parse. Python and YAML blocks are run and read by
// python/tests/test_docs.py, the grants by test/integration/ledger-postgres-schema.test.ts.
import assert from "node:assert/strict";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, type TestContext, test } from "node:test";
import { commands } from "../cli/commands.ts";
import { describing } from "../cli/help/described.ts";
import { SWITCHES } from "../cli/options/argv.ts";
import { openDatabase } from "../core/ledger/sqlite/open.ts";
import { decode } from "../core/step/envelope.ts";
import { type Block, pages, readPage, root } from "./support/pages.ts";
import { shellCommands } from "./support/taskiq/shell-lines.ts";
import { faultOf } from "./support/taskiq/shown-commands.ts";

const blocks = pages.flatMap((page) => page.blocks);

type Check = (block: Block, t: TestContext) => void | Promise<void>;

const checks: Readonly<Record<string, Check>> = {
  sh: async ({ text, page }) => {
    const shown = shellCommands(text);
    assert.ok(shown.length > 0, "no command in it");
    const faults = await Promise.all(shown.map((one) => faultOf(one, page)));
    assert.deepEqual(
      faults.filter((fault) => fault !== null),
      [],
    );
  },
  json: ({ text }) => void JSON.parse(text),
  // The envelope, in both pages.
  jsonc: ({ text, page }) => {
    const parsed: unknown = JSON.parse(text.replace(/\/\/.*$/gm, "").replace(/,(\s*[}\]])/g, "$1"));
    if (page === "ARCHITECTURE.md") assert.equal(decode(JSON.stringify(parsed)).kind, "step");
  },
  // Compiled and run where it is a file: deploy/test/example.test.ts.
  ts: ({ text }) => assert.equal(`${text}\n`, readFileSync(join(root, "deploy/example/index.ts"), "utf8")),
  sql: ({ text }, t) => sqlHolds(text, t),
  dockerfile: ({ text }) => {
    for (const line of text.split("\n")) assert.match(line, /^(?:FROM|COPY|ADD|RUN|ENV|VOLUME|WORKDIR|USER) \S/);
    for (const [, list = ""] of text.matchAll(/^RUN (.*)$/gm)) assert.ok(Array.isArray(JSON.parse(list)), "no shell");
  },
  python: ({ page }) =>
    assert.match(page, /^(?:README|(?:docs|python)\/[A-Za-z]+)\.md$/, "test_docs.py does not look there"),
  yaml: ({ page }) => assert.match(page, /^docs\/[a-z]+\.md$/, "test_docs.py does not look there"),
  /** What a program said. */
  text: ({ text }) => assert.notEqual(text.trim(), ""),
};

describe("a block of code", () => {
  for (const block of blocks) {
    test(`the ${block.language || "unmarked"} block at ${block.page}:${block.line} works`, async (t) => {
      const check = Object.hasOwn(checks, block.language) ? checks[block.language] : undefined;
      assert.ok(check, `expected one of ${Object.keys(checks).join(", ")} behind the fence, got "${block.language}"`);
      await check(block, t);
    });
  }

  test("a block of code is found wherever it stands, in lists, too", () => {
    assert.ok(blocks.length >= 30);
    const { blocks: found } = readPage("a.md", "1. x\n\n   ```sh\n   npm start\n   ```\n");
    assert.deepEqual(found, [{ page: "a.md", line: 3, language: "sh", text: "npm start" }]);
  });
});

describe("a command that is wrong is found", () => {
  const wrong = [
    "taskiq run --concurency 8",
    "taskiq run --grace soon",
    "taskiq frobnicate",
    "TASKIQ_GRACE=soon taskiq run | grep grace",
    "node dist/taskiq.mjs run --queue-name a b",
    "npm run deploy-everything",
    "node bench/nothing.ts",
    "pip install ./no/such/path",
    "rm -rf /",
  ];
  for (const line of wrong) {
    test(`the check finds the mistake in: ${line}`, async () => {
      const faults = await Promise.all(shellCommands(line).map((one) => faultOf(one, "README.md")));
      assert.notDeepEqual(
        faults.filter((fault) => fault !== null),
        [],
      );
    });
  }

  test("a line that the check cannot read is an error", () => {
    assert.throws(() => shellCommands("taskiq run && taskiq drain"), /cannot read/);
  });
});

test("commands within sentences and tables name commands, options and scripts that exist", async () => {
  const shown = pages.flatMap(({ path, spans }) => spans.map((span) => ({ path, span })));
  const ours = shown.filter(({ span }) => /^(?:taskiq|npm (?:run|start|test)) ?[a-z-]/.test(span));
  assert.ok(ours.length > 40, `${ours.length} found`);
  for (const { path, span } of ours) {
    const [, word = "", rest = ""] = /^\S+ (\S+)(.*)$/.exec(span) ?? [];
    if (span.startsWith("npm")) {
      const fault = await faultOf(
        { variables: {}, words: span.split(" ") },
        path === "deploy/README.md" ? path : "README.md",
      );
      assert.equal(fault, null, path);
      continue;
    }
    if (word === "--version") {
      assert.match(rest, /^(?: --json)?$/, `${path}: ${span}`);
      continue;
    }
    if (describing.some(({ name }) => name === word)) continue;
    const command = await commands.find(({ name }) => name === word)?.load();
    assert.ok(command, `${path}: ${span}: there is no such command`);
    const flags = Object.values(command.options).map(({ flag }) => flag);
    for (const [flag] of rest.matchAll(/--[a-z-]+/g)) {
      assert.ok([...flags, ...SWITCHES].includes(flag), `${path}: ${span}: there is no ${flag}`);
    }
  }
});

function sqlHolds(text: string, t: TestContext): void {
  if (/^GRANT /.test(text)) return;
  const folder = mkdtempSync(join(tmpdir(), "taskiq-docs-"));
  const db = openDatabase(join(folder, "ledger.sqlite"), 1_000, 0);
  t.after(() => {
    db.close();
    rmSync(folder, { recursive: true });
  });
  db.prepare(text.replace(/;\s*$/, "")).all();
}
