// Rules for everything that is made, whatever the arguments.
import assert from "node:assert/strict";
import { test } from "node:test";
import {
  executionPolicy,
  operatorPolicy,
  type PolicyDocument,
  producerPolicy,
  repositoryArn,
  workerPolicy,
} from "../src/policies.ts";
import { type Deployment, deploy } from "./mocked.ts";

const key = "arn:aws:kms:eu-central-1:123456789012:key/1";
const everything = {
  kmsKeyArn: key,
  secrets: {
    A: "arn:aws:secretsmanager:eu-central-1:123456789012:secret:a-AbCdEf",
    B: "arn:aws:ssm:eu-central-1:123456789012:parameter/b",
  },
  secretsKeyArns: [key],
  repositoryArns: ["arn:aws:ecr:eu-central-1:123456789012:repository/steps"],
  stepPolicyArns: ["arn:aws:iam::123456789012:policy/lake"],
  taskProtection: true,
  tags: { team: "data" },
};

const deployments: readonly (readonly [string, () => Promise<Deployment>])[] = [
  ["the least", () => deploy()],
  ["everything", () => deploy(everything)],
  ["standard queues", () => deploy({ fifo: false })],
];

function documents({ of }: Deployment): readonly PolicyDocument[] {
  const texts = ["RolePolicy", "Policy", "QueuePolicy"].flatMap((type) =>
    of(type).map(({ inputs }) => inputs["policy"]),
  );
  return texts.filter((text) => text !== undefined).map((text) => JSON.parse(String(text)));
}

for (const [what, make] of deployments) {
  test(`${what}: no permission names every resource or every action`, async () => {
    const statements = documents(await make()).flatMap(({ Statement }) => Statement);
    assert.ok(statements.length > 4);
    for (const { Sid, Effect, Action, Resource } of statements) {
      if (Effect === "Deny") continue;
      assert.ok(
        Action.every((action) => !action.includes("*")),
        `${Sid} allows ${Action}`,
      );
      // ECR grants its sign-in for no single repository.
      if (Sid !== "SignInToRegistry") assert.ok(!Resource.includes("*"), `${Sid} is for everything`);
    }
  });

  test(`${what}: queues are encrypted and refuse plain HTTP`, async () => {
    const { of } = await make();
    assert.equal(of("Queue").length, 2);
    for (const { inputs } of of("Queue")) {
      assert.ok(inputs["sqsManagedSseEnabled"] === true || inputs["kmsMasterKeyId"] === key);
    }
    assert.equal(of("QueuePolicy").length, 2);
    for (const { inputs } of of("QueuePolicy")) {
      const [{ Effect, Condition }] = JSON.parse(String(inputs["policy"])).Statement;
      assert.deepEqual([Effect, Condition], ["Deny", { Bool: { "aws:SecureTransport": "false" } }]);
    }
  });

  test(`${what}: the container has no root, no shell, no capabilities, and one place to write`, async () => {
    const { of } = await make();
    const [task] = of("TaskDefinition");
    const [worker] = JSON.parse(String(task?.inputs["containerDefinitions"]));
    assert.equal(worker.user, "65532:65532");
    assert.equal(worker.readonlyRootFilesystem, true);
    assert.deepEqual(worker.linuxParameters.capabilities, { drop: ["ALL"] });
    assert.equal(worker.healthCheck.command[0], "CMD");
    assert.deepEqual(worker.mountPoints, [{ sourceVolume: "tmp", containerPath: "/tmp", readOnly: false }]);
    assert.deepEqual(task?.inputs["volumes"], [{ name: "tmp" }]);
  });

  test(`${what}: roles can be taken on by tasks of this account alone`, async () => {
    const { of } = await make();
    for (const { inputs } of of("Role")) {
      const [trust] = JSON.parse(String(inputs["assumeRolePolicy"])).Statement;
      assert.deepEqual(trust.Principal, { Service: "ecs-tasks.amazonaws.com" });
      assert.deepEqual(trust.Condition, { StringEquals: { "aws:SourceAccount": "123456789012" } });
    }
  });
}

test("tags go to everything that has them", async () => {
  const { of } = await deploy(everything);
  for (const type of ["Queue", "LogGroup", "Role", "TaskDefinition", "Service", "MetricAlarm"]) {
    for (const { name, inputs } of of(type)) assert.deepEqual(inputs["tags"], { team: "data" }, `${type} ${name}`);
  }
});

const arns = { queue: "q", deadLetterQueue: "d", key: null };

function allowed({ Statement }: PolicyDocument, resource: string): readonly string[] {
  return Statement.filter(({ Resource }) => Resource.includes(resource))
    .flatMap(({ Action }) => Action)
    .sort();
}

test("a producer can send steps and neither read nor delete any", () => {
  assert.deepEqual(allowed(producerPolicy(arns), "q"), ["sqs:GetQueueUrl", "sqs:SendMessage"]);
  assert.deepEqual(allowed(producerPolicy(arns), "d"), []);
});

test("a worker cannot send steps, and can replace a dead letter", () => {
  assert.ok(!allowed(workerPolicy(arns), "q").includes("sqs:SendMessage"));
  for (const action of ["sqs:ReceiveMessage", "sqs:SendMessage", "sqs:DeleteMessage"]) {
    assert.ok(allowed(workerPolicy(arns), "d").includes(action), action);
  }
});

test("an operator can move messages both ways", () => {
  for (const resource of ["q", "d"]) {
    assert.ok(allowed(operatorPolicy(arns), resource).includes("sqs:SendMessage"));
    assert.ok(allowed(operatorPolicy(arns), resource).includes("sqs:DeleteMessage"));
  }
});

test("the repository of an image follows from its name, in every partition", () => {
  const repositories = [
    ["123456789012.dkr.ecr.eu-central-1.amazonaws.com/steps", "arn:aws:ecr:eu-central-1:123456789012:repository/steps"],
    [
      "123456789012.dkr.ecr-fips.us-gov-west-1.amazonaws.com/a/b:1",
      "arn:aws-us-gov:ecr:us-gov-west-1:123456789012:repository/a/b",
    ],
    [
      "123456789012.dkr.ecr.cn-north-1.amazonaws.com.cn/steps@sha256:0",
      "arn:aws-cn:ecr:cn-north-1:123456789012:repository/steps",
    ],
    ["public.ecr.aws/team/steps:1", null],
    ["taskiq", null],
  ] as const;
  for (const [image, expected] of repositories) assert.equal(repositoryArn(image), expected, image);
});

test("a field of a secret is read by the secret's own permission, a parameter by SSM's", () => {
  const secret = "arn:aws:secretsmanager:eu-central-1:123456789012:secret:a-AbCdEf";
  const parameter = "arn:aws:ssm:eu-central-1:123456789012:parameter/b";
  const policy = executionPolicy({
    logGroup: "l",
    repositories: [],
    secrets: [`${secret}:password::`, parameter],
    keys: [],
  });
  assert.deepEqual(allowed(policy, secret), ["secretsmanager:GetSecretValue"]);
  assert.deepEqual(allowed(policy, parameter), ["ssm:GetParameters"]);
});
