import assert from "node:assert/strict";
import { test } from "node:test";
import { deploy, type Made, settled } from "./mocked.ts";

function container(task: Made) {
  const [one] = JSON.parse(String(task.inputs["containerDefinitions"]));
  const environment = Object.fromEntries(
    one.environment.map(({ name, value }: { name: string; value: string }) => [name, value]),
  );
  return { ...one, environment };
}

test("a FIFO queue redrives to a FIFO dead letter queue that keeps longer and takes from nobody else", async () => {
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

test("the worker's container is the image's own, told by environment, with Dagster's flags as its command", async () => {
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

test("tasks ask for protection only when told to, and may then", async () => {
  const without = await deploy();
  assert.equal(container(without.one("TaskDefinition", "steps")).environment.TASKIQ_TASK_PROTECTION, undefined);
  assert.deepEqual(
    without
      .of("RolePolicy")
      .map(({ name }) => name)
      .sort(),
    ["steps-execution", "steps-queues"],
  );
  const { one } = await deploy({ taskProtection: true });
  assert.equal(container(one("TaskDefinition", "steps")).environment.TASKIQ_TASK_PROTECTION, "true");
  const [statement] = JSON.parse(String(one("RolePolicy", "steps-protection").inputs["policy"])).Statement;
  assert.deepEqual(statement.Resource, ["arn:aws:ecs:eu-central-1:123456789012:task/main/*"]);
});

test("the service rolls back what does not start, and runs on Spot when asked", async () => {
  const { one } = await deploy({ spot: true, minTasks: 2 });
  const { inputs } = one("Service", "steps");
  assert.deepEqual(inputs["deploymentCircuitBreaker"], { enable: true, rollback: true });
  assert.deepEqual(inputs["capacityProviderStrategies"], [{ capacityProvider: "FARGATE_SPOT", weight: 1 }]);
  assert.equal(inputs["desiredCount"], 2);
});

test("tasks are added by the messages that wait for each slot", async () => {
  const { one } = await deploy({ concurrency: 8, backlogPerSlot: 3, minTasks: 0, maxTasks: 20 });
  const target = one("Target", "steps").inputs;
  assert.deepEqual([target["minCapacity"], target["maxCapacity"]], [0, 20]);
  assert.equal(target["resourceId"], "service/main/steps");
  const policy = one("Policy", "steps").inputs["targetTrackingScalingPolicyConfiguration"] as {
    targetValue: number;
    customizedMetricSpecification: { metrics: { id: string; returnData: boolean; expression?: string }[] };
  };
  const { targetValue, customizedMetricSpecification } = policy;
  assert.equal(targetValue, 3);
  const [, , backlog] = customizedMetricSpecification.metrics;
  assert.equal(backlog?.expression, "waiting / (IF(FILL(tasks, 0) > 0, tasks, 1) * 8)");
  assert.deepEqual(
    customizedMetricSpecification.metrics.map(({ returnData }) => returnData),
    [false, false, true],
  );
});

test("four alarms, each to the topics given", async () => {
  const topic = "arn:aws:sns:eu-central-1:123456789012:on-call";
  const { of, one } = await deploy({ alarmTopicArns: [topic] });
  const names = of("MetricAlarm").map(({ name }) => name);
  assert.deepEqual(names.sort(), [
    "steps-dead-letters",
    "steps-lost-leases",
    "steps-oldest-message",
    "steps-unhealthy-tasks",
  ]);
  for (const { inputs } of of("MetricAlarm")) {
    assert.deepEqual(inputs["alarmActions"], [topic]);
    assert.equal(inputs["treatMissingData"], "notBreaching");
  }
  const filter = one("LogMetricFilter", "steps-lost-leases").inputs;
  const counted = filter["metricTransformation"] as { name: string; namespace: string };
  const { metricName, namespace } = one("MetricAlarm", "steps-lost-leases").inputs;
  assert.deepEqual([metricName, namespace], [counted.name, counted.namespace]);
});

test("what others need is an output", async () => {
  const { workers } = await deploy();
  assert.equal(await settled(workers.queueUrl), "https://sqs.eu-central-1.amazonaws.com/123456789012/steps.fifo");
  assert.match(await settled(workers.producerPolicyArn), /:steps-producer$/);
  assert.match(await settled(workers.operatorPolicyArn), /:steps-operator$/);
});
