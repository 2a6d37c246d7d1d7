// What the package ships beside the component is what the component makes.
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";
import * as pulumi from "@pulumi/pulumi";
import { plainTaskDefinition, plainTaskDefinitionPath } from "../src/plain-task-definition.ts";
import { resourcesOf } from "./mocked.ts";

test("the plain task definition is up to date (npm run task-definition)", () => {
  assert.equal(readFileSync(plainTaskDefinitionPath, "utf8"), plainTaskDefinition());
});

test("the example makes a cluster, workers, and lets run workers send steps, through the built package", async () => {
  pulumi.runtime.setAllConfig({
    "taskiq:image": "registry.example/steps:1",
    "taskiq:subnetIds": '["subnet-1"]',
    "taskiq:securityGroupIds": '["sg-1"]',
    "taskiq:postgresHost": "db.example",
    "taskiq:dagsterPasswordArn": "arn:aws:secretsmanager:eu-central-1:123456789012:secret:dagster-AbCdEf",
    "taskiq:ledgerPasswordArn": "arn:aws:secretsmanager:eu-central-1:123456789012:secret:ledger-AbCdEf",
    "taskiq:onCallTopicArn": "arn:aws:sns:eu-central-1:123456789012:on-call",
    "taskiq:runWorkerRole": "dagster-run-worker",
  });
  const made = await resourcesOf(() => import("../example/index.ts"));
  const types = new Set(made.map(({ type }) => type.split(":").at(-1)));
  for (const type of ["Cluster", "Queue", "Service", "MetricAlarm", "TaskiqWorkers"]) assert.ok(types.has(type), type);
  const attached = made.find(({ name }) => name === "send-steps")?.inputs;
  assert.equal(attached?.["role"], "dagster-run-worker");
  assert.match(String(attached?.["policyArn"]), /:steps-producer$/);
  const task = made.find(({ type }) => type.endsWith(":TaskDefinition"))?.inputs["containerDefinitions"];
  const [container] = JSON.parse(String(task));
  const given = [...container.environment, ...container.secrets].map(({ name }: { name: string }) => name);
  const instance = readFileSync(new URL("../image/dagster.yaml", import.meta.url), "utf8");
  const read = [...instance.matchAll(/env: (\w+)/g)].map(([, name]) => String(name));
  assert.ok(read.length > 0);
  assert.deepEqual(
    read.filter((name) => !given.includes(name)),
    [],
    "variables that the image's dagster.yaml reads and the example does not give",
  );
});

test("the README shows the example as it is", () => {
  const readme = readFileSync(new URL("../README.md", import.meta.url), "utf8");
  const example = readFileSync(new URL("../example/index.ts", import.meta.url), "utf8");
  assert.ok(readme.includes(`\`\`\`ts\n${example}\`\`\``), "deploy/README.md: the code block is not example/index.ts");
});
