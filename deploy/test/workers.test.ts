import assert from "node:assert/strict";
import { readdir, readFile } from "node:fs/promises";
import { test } from "node:test";
import { fileURLToPath } from "node:url";
import { loggedEvents } from "../src/alarms.ts";
import { loadPerSlot, secondsOfWaiting, wakeSteps } from "../src/load.ts";
import { evaluate } from "./fleet.ts";
import { deploy, type Made, settled } from "./mocked.ts";

function container(task: Made) {
  const [one] = JSON.parse(String(task.inputs["containerDefinitions"]));
  const environment = Object.fromEntries(
    one.environment.map(({ name, value }: { name: string; value: string }) => [name, value]),
  );
  return { ...one, environment };
}

test("a FIFO queue redrives to a FIFO dead letter queue that keeps longer and serves no other queue", async () => {
  const { one } = await deploy();
  const queue = one("Queue", "steps").inputs;
  const dead = one("Queue", "steps-dlq").inputs;
  assert.equal(queue["name"], "steps.fifo");
  assert.equal(dead["name"], "steps-dlq.fifo");
  assert.deepEqual(JSON.parse(String(queue["redrivePolicy"])), {
    deadLetterTargetArn: "arn:aws:sqs:eu-central-1:123456789012:steps-dlq.fifo",
    maxReceiveCount: 100,
  });
  assert.ok(Number(dead["messageRetentionSeconds"]) > Number(queue["messageRetentionSeconds"]));
  assert.equal(dead["redrivePolicy"], undefined, "what is looked at must not move on from a dead letter queue");
  assert.deepEqual(JSON.parse(String(one("RedriveAllowPolicy", "steps-dlq").inputs["redriveAllowPolicy"])), {
    redrivePermission: "byQueue",
    sourceQueueArns: ["arn:aws:sqs:eu-central-1:123456789012:steps.fifo"],
  });
});

test("standard queues have neither the suffix nor FIFO's settings", async () => {
  const { one } = await deploy({ fifo: false });
  const { name, fifoQueue, deduplicationScope } = one("Queue", "steps").inputs;
  assert.deepEqual([name, fifoQueue, deduplicationScope], ["steps", undefined, undefined]);
});

test("the worker's container is the image's own, configured by environment, with Dagster's flags as its command", async () => {
  const { one } = await deploy({ concurrency: 8, environment: { DAGSTER_HOME: "/opt/dagster/home" } });
  const worker = container(one("TaskDefinition", "steps"));
  assert.deepEqual(worker.entryPoint, ["taskiq"]);
  assert.deepEqual(worker.command, ["run", "-m", "my_project.definitions"]);
  assert.deepEqual(worker.environment, {
    AWS_REGION: "eu-central-1",
    DAGSTER_HOME: "/opt/dagster/home",
    PYTHONDONTWRITEBYTECODE: "1",
    TASKIQ_DLQ_URL: "https://sqs.eu-central-1.amazonaws.com/123456789012/steps-dlq.fifo",
    TASKIQ_GRACE: "110s",
    TASKIQ_LOG_FORMAT: "json",
    TASKIQ_MAX_STARTS: "3",
    TASKIQ_QUEUE_URL: "https://sqs.eu-central-1.amazonaws.com/123456789012/steps.fifo",
    TASKIQ_TASK_PROTECTION: "true",
    TASKIQ_VISIBILITY_TIMEOUT: "60s",
    TASKIQ_WORKER_CONCURRENCY: "8",
    TASKIQ_WORKER_HEALTH_PORT: "8080",
    TMPDIR: "/tmp",
  });
});

test("entry point and command can be others; the health check starts by the same entry point", async () => {
  const { one } = await deploy({ entryPoint: ["/opt/bin/taskiq"], command: ["drain", "--max-time", "1h"] });
  const worker = container(one("TaskDefinition", "steps"));
  assert.deepEqual(worker.entryPoint, ["/opt/bin/taskiq"]);
  assert.deepEqual(worker.command, ["drain", "--max-time", "1h"]);
  assert.deepEqual(worker.healthCheck.command, ["CMD", "/opt/bin/taskiq", "healthcheck"]);
});

test("a worker that never becomes ready fails its health check before it may count as healthy", async () => {
  const { one } = await deploy();
  const { healthCheck } = container(one("TaskDefinition", "steps"));
  assert.deepEqual(healthCheck.command, ["CMD", "taskiq", "healthcheck"], "not a check that passes while it starts");
  assert.equal(healthCheck.startPeriod, 300, "the most that ECS allows");
  assert.deepEqual(one("Service", "steps").inputs["deploymentCircuitBreaker"], { enable: true, rollback: true });
});

test("the grace follows from the stop timeout", async () => {
  const { one } = await deploy({ stopTimeoutSeconds: 45 });
  const worker = container(one("TaskDefinition", "steps"));
  assert.deepEqual([worker.stopTimeout, worker.environment.TASKIQ_GRACE], [45, "35s"]);
});

test("secrets are named, never written out", async () => {
  const arn = "arn:aws:secretsmanager:eu-central-1:123456789012:secret:ledger-AbCdEf:password::";
  const { one } = await deploy({ secrets: { POSTGRES_PASSWORD: arn } });
  assert.deepEqual(container(one("TaskDefinition", "steps")).secrets, [{ name: "POSTGRES_PASSWORD", valueFrom: arn }]);
});

test("by default tasks ask for protection and are allowed to", async () => {
  const without = await deploy({ taskProtection: false });
  assert.equal(container(without.one("TaskDefinition", "steps")).environment.TASKIQ_TASK_PROTECTION, undefined);
  assert.deepEqual(
    without
      .of("RolePolicy")
      .map(({ name }) => name)
      .sort(),
    ["steps-execution", "steps-queues"],
  );
  const { one } = await deploy();
  assert.equal(container(one("TaskDefinition", "steps")).environment.TASKIQ_TASK_PROTECTION, "true");
  const [statement] = JSON.parse(String(one("RolePolicy", "steps-protection").inputs["policy"])).Statement;
  assert.deepEqual(statement.Resource, ["arn:aws:ecs:eu-central-1:123456789012:task/main/*"]);
});

test("the execution role may pull an image that lies in ECR, and no other image of that registry", async () => {
  const image = "123456789012.dkr.ecr.eu-central-1.amazonaws.com/team/steps:1.2@sha256:abc";
  const policyOf = async (args: Parameters<typeof deploy>[0]) => {
    const { one } = await deploy(args);
    return JSON.parse(String(one("RolePolicy", "steps-execution").inputs["policy"])).Statement;
  };
  const pull = (await policyOf({ image })).find(({ Sid }: { Sid: string }) => Sid === "PullImage");
  assert.deepEqual(pull.Resource, ["arn:aws:ecr:eu-central-1:123456789012:repository/team/steps"]);
  const elsewhere = await policyOf({ image: "registry.example/steps:1" });
  assert.ok(!elsewhere.some(({ Sid }: { Sid: string }) => Sid === "PullImage"));
});

test("the service rolls back what does not start, and on Spot keeps its first task on demand", async () => {
  const { one } = await deploy({ spot: true, minTasks: 2 });
  const { inputs } = one("Service", "steps");
  assert.deepEqual(inputs["deploymentCircuitBreaker"], { enable: true, rollback: true });
  assert.deepEqual(inputs["capacityProviderStrategies"], [
    { capacityProvider: "FARGATE", base: 1, weight: 0 },
    { capacityProvider: "FARGATE_SPOT", weight: 1 },
  ]);
  assert.equal(inputs["desiredCount"], 2);
});

interface Queries {
  readonly id: string;
  readonly expression?: string;
  readonly metricStat?: { readonly metric: { readonly metricName: string } };
}

test("the service is kept at a load of waiting and running steps per slot", async () => {
  const { one } = await deploy({ concurrency: 8, loadPerSlot: 0.75, minTasks: 1, maxTasks: 20 });
  const target = one("Target", "steps").inputs;
  assert.deepEqual([target["minCapacity"], target["maxCapacity"]], [1, 20]);
  assert.equal(target["resourceId"], "service/main/steps");
  const policy = one("Policy", "steps").inputs["targetTrackingScalingPolicyConfiguration"] as {
    targetValue: number;
    customizedMetricSpecification: { metrics: Queries[] };
  };
  assert.equal(policy.targetValue, 0.75);
  const { metrics } = policy.customizedMetricSpecification;
  assert.deepEqual(
    metrics.map(({ metricStat, expression }) => metricStat?.metric.metricName ?? expression),
    [
      "ApproximateNumberOfMessagesVisible",
      "ApproximateNumberOfMessagesNotVisible",
      "RunningTaskCount",
      loadPerSlot({ concurrency: 8 }),
    ],
  );
});

test("only a service that may sleep has an alarm and a policy that wake it", async () => {
  const awake = await deploy({ minTasks: 1 });
  assert.equal(awake.of("Policy").filter(({ name }) => name === "steps-wake").length, 0);
  const { one } = await deploy({ minTasks: 0, maxTasks: 5 });
  const { stepAdjustments } = one("Policy", "steps-wake").inputs["stepScalingPolicyConfiguration"] as {
    stepAdjustments: object[];
  };
  assert.deepEqual(stepAdjustments, [
    { metricIntervalLowerBound: "0", metricIntervalUpperBound: "1", scalingAdjustment: 1 },
    { metricIntervalLowerBound: "1", metricIntervalUpperBound: "2", scalingAdjustment: 2 },
    { metricIntervalLowerBound: "2", metricIntervalUpperBound: "4", scalingAdjustment: 4 },
    { metricIntervalLowerBound: "4", scalingAdjustment: 5 },
  ]);
  assert.ok(one("MetricAlarm", "steps-wake").inputs["alarmActions"]);
});

test("a service of 5,000 tasks wakes within the 20 steps that a policy may have", () => {
  assert.ok(wakeSteps({ maxTasks: 5_000 }).length <= 20);
});

test("each alarm goes to the topics given", async () => {
  const topic = "arn:aws:sns:eu-central-1:123456789012:on-call";
  const { of, one } = await deploy({ alarmTopicArns: [topic] });
  const names = of("MetricAlarm").map(({ name }) => name);
  assert.deepEqual(names.sort(), [
    "steps-closed-intake",
    "steps-dead-letters",
    "steps-long-wait",
    "steps-lost-leases",
    "steps-unhealthy-tasks",
  ]);
  for (const { inputs } of of("MetricAlarm")) {
    assert.deepEqual(inputs["alarmActions"], [topic]);
    assert.equal(inputs["treatMissingData"], "notBreaching");
  }
  for (const what of ["steps-lost-leases", "steps-closed-intake"]) {
    const counted = one("LogMetricFilter", what).inputs["metricTransformation"] as { name: string; namespace: string };
    const { metricName, namespace } = one("MetricAlarm", what).inputs;
    assert.deepEqual([metricName, namespace], [counted.name, counted.namespace]);
  }
});

test("every log event that an alarm counts is one that the worker logs", async () => {
  const sources = fileURLToPath(new URL("../../core", import.meta.url));
  const files = (await readdir(sources, { recursive: true })).filter((file) => file.endsWith(".ts"));
  const text = (await Promise.all(files.map((file) => readFile(`${sources}/${file}`, "utf8")))).join("\n");
  for (const { event } of loggedEvents) assert.ok(text.includes(`event: "${event}"`), event);
});

test("the wait alarm counts steps that wait, however long others run", () => {
  const wait = (waiting: number, deleted: number) => evaluate(secondsOfWaiting(900), { waiting, deleted });
  assert.equal(wait(0, 0), 0, "one step that runs for hours");
  assert.equal(wait(30, 60), 30);
  assert.equal(wait(10_000, 60), 10_000);
  assert.ok(wait(1, 0) > 900, "no step ends");
});

test("everything that other stacks need is an output", async () => {
  const { workers } = await deploy();
  assert.equal(await settled(workers.queueUrl), "https://sqs.eu-central-1.amazonaws.com/123456789012/steps.fifo");
  assert.match(await settled(workers.producerPolicyArn), /:steps-producer$/);
  assert.match(await settled(workers.operatorPolicyArn), /:steps-operator$/);
});
