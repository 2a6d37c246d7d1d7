// What the package ships beside the component is what the component makes.
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";
import { plainTaskDefinition, plainTaskDefinitionPath } from "../src/plain-task-definition.ts";
import { exampleResources, workerOf } from "./example-resources.ts";

test("the plain task definition is up to date (npm run task-definition)", () => {
  assert.equal(readFileSync(plainTaskDefinitionPath, "utf8"), plainTaskDefinition());
});

test("the example makes a cluster, workers, and lets run workers send steps, through the built package", async () => {
  const made = await exampleResources();
  const types = new Set(made.map(({ type }) => type.split(":").at(-1)));
  for (const type of ["Cluster", "Queue", "Service", "MetricAlarm", "TaskiqWorkers"]) assert.ok(types.has(type), type);
  const attached = made.find(({ name }) => name === "send-steps")?.inputs;
  assert.equal(attached?.["role"], "dagster-run-worker");
  assert.match(String(attached?.["policyArn"]), /:steps-producer$/);
  const container = workerOf(made);
  const given = [...container.environment, ...container.secrets].map(({ name }: { name: string }) => name);
  const dockerfile = readFileSync(new URL("../../Dockerfile", import.meta.url), "utf8");
  const ofImage = [...dockerfile.matchAll(/^(?:ENV| {3}) (\w+)=/gm)].map(([, name]) => String(name));
  const instance = readFileSync(new URL("../image/dagster.yaml", import.meta.url), "utf8");
  const read = [...instance.matchAll(/env: (\w+)/g)].map(([, name]) => String(name));
  assert.ok(read.length > 0 && ofImage.length > 0);
  assert.deepEqual(
    read.filter((name) => !given.includes(name) && !ofImage.includes(name)),
    [],
    "variables that the image's dagster.yaml reads, and neither the example nor the image gives",
  );
});

test("the README shows the example as it is", () => {
  const readme = readFileSync(new URL("../README.md", import.meta.url), "utf8");
  const example = readFileSync(new URL("../example/index.ts", import.meta.url), "utf8");
  assert.ok(readme.includes(`\`\`\`ts\n${example}\`\`\``), "deploy/README.md: the code block is not example/index.ts");
});

test("the README's table has every argument", () => {
  const declared = (file: string) => {
    const source = readFileSync(new URL(`../src/${file}`, import.meta.url), "utf8");
    const [, body = ""] = /^export interface (?:TaskiqWorkersArgs|Sizing)[^{]*\{\n(.*?)^\}/ms.exec(source) ?? [];
    return [...body.matchAll(/^ {2}readonly (\w+)\??:/gm)].map(([, name]) => String(name));
  };
  const args = [...declared("workers-args.ts"), ...declared("settings.ts")];
  assert.ok(args.includes("image") && args.includes("loadPerSlot"));
  const readme = readFileSync(new URL("../README.md", import.meta.url), "utf8");
  const [, table = ""] = /^\| argument \|.*?\n(.*?)^$/ms.exec(readme) ?? [];
  const cells = [...table.matchAll(/^\| (.*?) \|/gm)].map(([, cell]) => String(cell));
  const named = cells.flatMap((cell) => [...cell.matchAll(/`(\w+)`/g)].map(([, name]) => String(name)));
  assert.deepEqual(named.toSorted(), args.toSorted());
});
