// What the example makes. As a program it prints the worker's container, for the test that runs
// one: test/deploy/runs.test.ts.
import * as pulumi from "@pulumi/pulumi";
import { type Made, resourcesOf } from "./mocked.ts";

const settings = {
  image: "123456789012.dkr.ecr.eu-central-1.amazonaws.com/steps:1",
  subnetIds: '["subnet-1"]',
  securityGroupIds: '["sg-1"]',
  postgresHost: "db.internal",
  dagsterPasswordArn: "arn:aws:secretsmanager:eu-central-1:123456789012:secret:dagster-AbCdEf",
  ledgerPasswordArn: "arn:aws:secretsmanager:eu-central-1:123456789012:secret:ledger-AbCdEf",
  onCallTopicArn: "arn:aws:sns:eu-central-1:123456789012:on-call",
  runWorkerRole: "dagster-run-worker",
};

export async function exampleResources(): Promise<readonly Made[]> {
  pulumi.runtime.setAllConfig(
    Object.fromEntries(Object.entries(settings).map(([name, value]) => [`taskiq:${name}`, value])),
  );
  return await resourcesOf(() => import("../example/index.ts"));
}

export function workerOf(made: readonly Made[]) {
  const task = made.find(({ type }) => type.endsWith(":TaskDefinition"))?.inputs["containerDefinitions"];
  const [container] = JSON.parse(String(task));
  return container;
}

if (import.meta.main) process.stdout.write(JSON.stringify(workerOf(await exampleResources())));
