// What docs/deployment.md has people make by hand is what a worker wants, and what docs/security.md
// claims has a test.
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, test } from "node:test";
import { preflight } from "../core/preflight/preflight.ts";
import type { QueueText } from "../core/queue/sqs/facts.ts";
import { attributesOf } from "../core/queue/sqs/survey.ts";
import { operatorPolicy, producerPolicy, workerPolicy } from "../deploy/src/policies.ts";
import { pages, root } from "./support/pages.ts";
import { shellCommands } from "./support/taskiq/shell-lines.ts";

const text = (path: string) => readFileSync(join(root, path), "utf8");
const { blocks = [] } = pages.find(({ path }) => path === "docs/deployment.md") ?? {};

/** SQS's own, where a queue is made without. */
const made: QueueText = { DelaySeconds: "0", MaximumMessageSize: "1048576", MessageRetentionPeriod: "345600" };

describe("queues made by hand", () => {
  const commands = blocks
    .filter(({ language, text: block }) => language === "sh" && block.startsWith("aws sqs"))
    .flatMap(({ text: block }) => shellCommands(block))
    .map(({ words }) => ({ name: words[4] ?? "", attributes: words[6] ?? "" }));
  const json = blocks.find(({ language }) => language === "json")?.text ?? "";

  test("a worker starts without a warning on the queues that the page makes by hand", () => {
    const [letters, steps] = commands;
    assert.ok(letters !== undefined && steps !== undefined && commands.length === 2);
    assert.equal(steps.attributes, "file://steps.json");
    const given = (attributes: QueueText) => attributesOf("http://q", { ...made, ...attributes });
    const pairs = letters.attributes.split(",").map((pair) => pair.split("="));
    const queue = { url: `http://q/${steps.name}`, fifo: true, attributes: given(JSON.parse(json)) };
    const deadLetter = { url: `http://q/${letters.name}`, fifo: true, attributes: given(Object.fromEntries(pairs)) };
    assert.equal(queue.attributes.redrive?.target, letters.name);
    const survey = { queue, deadLetter: { name: letters.name, from: "redrive policy", queue: deadLetter } } as const;
    assert.deepEqual(preflight(survey, { maxStarts: 3, leaseMs: 60_000 }), []);
  });

  test("the roles may use queues made by hand as they may use the component's", () => {
    const arns = { queue: "queue", deadLetterQueue: "letters", key: null };
    const policies = { "run workers": producerPolicy, workers: workerPolicy, operators: operatorPolicy };
    const rows = Object.fromEntries(
      [...text("docs/deployment.md").matchAll(/^\| (run workers|workers|operators) \| (.*) \| ?(.*) ?\|$/gm)].map(
        ([, role = "", ...cells]) => [role, cells],
      ),
    );
    const actionsOf = (cell: string) => [...cell.matchAll(/`(sqs:\w+)`/g)].map(([, action = ""]) => action);
    const workers = (rows["workers"] ?? []).map(actionsOf);
    const all = workers.flat();
    const documented: Readonly<Record<string, readonly (readonly string[])[]>> = {
      "run workers": (rows["run workers"] ?? []).map(actionsOf),
      workers: [workers[0] ?? [], all],
      operators: [all, all],
    };
    assert.ok(rows["operators"]?.every((cell) => cell.trim() === "all of these"));
    for (const [role, policy] of Object.entries(policies)) {
      const { Statement: statements } = policy(arns);
      const allowed = [arns.queue, arns.deadLetterQueue].map((queue) =>
        statements.filter(({ Resource: on }) => on.includes(queue)).flatMap(({ Action: actions }) => actions),
      );
      assert.deepEqual(
        documented[role]?.map((actions) => [...actions].sort()),
        allowed.map((actions) => [...actions].sort()),
        role,
      );
    }
  });
});

test("every row of who can do what names the test that shows it", () => {
  const [, tables = ""] = /^## Who can do what\n(.*?)^## /ms.exec(text("docs/security.md")) ?? [];
  const rows = tables.split("\n").filter((line) => line.startsWith("| ") && !line.endsWith("| shown by |"));
  assert.ok(rows.length >= 30, `${rows.length} rows`);
  const bare = rows.filter((row) => !/`[\w/.-]+(?:\.ts|\/test_\w+\.py)`/.test(row));
  assert.deepEqual(bare, []);
});
