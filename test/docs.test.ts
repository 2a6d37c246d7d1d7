// The pages say what the code says, where they repeat it.
import assert from "node:assert/strict";
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { test } from "node:test";
import { commands } from "../cli/commands.ts";
import { reasons } from "../core/delivery/reasons.ts";
import { events } from "../core/events/events.ts";
import { writtenPages } from "../dev/docs/written-pages.ts";
import { pages, readPage } from "./support/pages.ts";
import { shellCommands } from "./support/taskiq/shell-lines.ts";
import { DENO_PERMISSIONS } from "./support/taskiq/taskiq-command.ts";

const read = (path: string) => readFileSync(new URL(`../${path}`, import.meta.url), "utf8");

test("ARCHITECTURE.md has the life of a delivery as core/delivery/lifecycle.ts has it", () => {
  const rows = read("core/delivery/lifecycle.ts").match(/^\/\/ \|.*$/gm) ?? [];
  assert.ok(rows.length > 20);
  assert.ok(read("ARCHITECTURE.md").includes(rows.map((row) => row.slice(3)).join("\n")));
});

test("the pages have every option, log event and metric as the code has it (if not: npm run docs)", async () => {
  const pages = await writtenPages();
  assert.deepEqual(
    pages.map(({ path }) => path),
    [
      ...["README.md", "docs/configuration.md", "docs/events.md", "docs/metrics.md"],
      ...["deploy/metrics/grafana-dashboard.json", "deploy/metrics/prometheus-alerts.yml", "docs/operations.md"],
    ],
  );
  for (const { path, now, wanted } of pages) assert.ok(now === wanted, `${path} is stale: npm run docs`);
});

test("every log event that a page names exists", () => {
  const kinds = [...new Set([...events.keys()].map((name) => name.split(".")[0]))].join("|");
  const named = pages.flatMap(({ spans }) => spans).filter((span) => new RegExp(`^(?:${kinds})\\.[a-z_]+$`).test(span));
  const isCode = (span: string) => /\.(?:py|ts|fifo|sqlite|jsonl?)$/.test(span);
  assert.ok(named.length > events.size);
  assert.deepEqual(
    named.filter((span) => !events.has(span) && !isCode(span)),
    [],
  );
});

test("fixtures/README.md names everything that lies in fixtures, and readers that exist", () => {
  const rows = read("fixtures/README.md").match(/^\| .*\/.*`.*$/gm) ?? [];
  const root = new URL("../", import.meta.url);
  const places = rows.map((row) => /`([^`/]+)/.exec(row)?.[1] ?? row);
  const lying = readdirSync(new URL("fixtures/", root)).filter(
    (name) => name !== "README.md" && name !== "__pycache__",
  );
  assert.deepEqual(places.toSorted(), lying.toSorted());
  const readers = rows.flatMap((row) => row.split("|")[3]?.match(/[\w./-]+\.(?:ts|py)/g) ?? []);
  assert.deepEqual(
    readers.filter((file) => !existsSync(new URL(file, root))),
    [],
  );
});

test("the files that the pages name exist", () => {
  const named = /^(?:core|cli|test|dev|python|fixtures|bench|deploy|docs|examples)\/[\w./-]+$/;
  const spans = pages.filter(({ path }) => path !== "CHANGELOG.md").flatMap((page) => page.spans);
  const files = [...new Set(spans.filter((span) => named.test(span)))];
  assert.ok(files.length > 50);
  const root = new URL("../", import.meta.url);
  assert.deepEqual(
    files.filter((file) => !existsSync(new URL(file, root))),
    [],
  );
});

test("every --reason that a page or a help text shows is a reason", async () => {
  const helped = (await Promise.all(commands.map(async ({ load }) => (await load()).examples))).flat();
  const shown = [...helped, ...pages.flatMap(({ blocks, spans }) => [...blocks.map(({ text }) => text), ...spans])];
  const words = shown.flatMap((text) => [...text.matchAll(/--reason ([a-z_]+)/g)].map(([, word = ""]) => word));
  assert.ok(words.length > 3);
  assert.deepEqual(
    words.filter((word) => !reasons.has(word)),
    [],
  );
});

test("docs/deployment.md names the permissions under Deno that the end-to-end tests give", () => {
  const text = read("docs/deployment.md");
  const commands = readPage("docs/deployment.md", text).blocks.flatMap((block) =>
    block.language === "sh" ? shellCommands(block.text) : [],
  );
  const shown = commands.find(({ words }) => words[0] === "deno")?.words ?? [];
  const flags = shown.filter((word) => word.startsWith("--allow-"));
  assert.deepEqual(flags.map(withoutPlaces).toSorted(), DENO_PERMISSIONS.map(withoutPlaces).toSorted());
  const explained = [...text.matchAll(/^\| `(--allow-[a-z]+)` \|/gm)].map(([, name]) => name);
  assert.deepEqual(explained.toSorted(), flags.map((flag) => flag.split("=")[0]).toSorted());
});

/** A permission without its hosts and paths, which are of a place. */
function withoutPlaces(permission: string): string {
  return permission.replace(/^(--allow-(?:net|read|write)=).*/, "$1");
}
