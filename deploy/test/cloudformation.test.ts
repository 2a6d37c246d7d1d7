// The CloudFormation template is what the component makes.
import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { test } from "node:test";
import { fileURLToPath } from "node:url";
import { template, templatePath } from "../cloudformation/template.ts";
import { type Fields, type Resource, translate } from "../cloudformation/translate.ts";

interface Template {
  readonly Parameters: Fields;
  readonly Resources: Readonly<Record<string, Resource>>;
  readonly Outputs: Fields;
}

const written = readFileSync(templatePath, "utf8");
const { Parameters, Resources, Outputs }: Template = JSON.parse(written);

function propertiesOf(id: string): Fields {
  const resource = Resources[id];
  assert.ok(resource, `the template has no resource ${id}`);
  return resource.Properties;
}

test("the template is up to date (npm run template)", async () => {
  assert.equal(written, await template());
});

test("the template has a resource for everything that the component makes", () => {
  const count = (type: string) => Object.values(Resources).filter(({ Type }) => Type === type).length;
  assert.deepEqual(
    ["SQS::Queue", "SQS::QueuePolicy", "IAM::Role", "IAM::ManagedPolicy", "ECS::Service", "CloudWatch::Alarm"].map(
      (type) => count(`AWS::${type}`),
    ),
    [2, 2, 2, 2, 1, 5],
  );
  assert.ok(propertiesOf("DlqQueue")["RedriveAllowPolicy"], "only its own queue may fill it");
});

test("every reference of the template names a parameter, a resource, or a value of CloudFormation's", () => {
  const named: string[] = [];
  JSON.stringify([Resources, Outputs], (key, value) => {
    if (key === "Ref") named.push(value);
    if (key === "Fn::GetAtt") named.push(value[0]);
    if (key === "Fn::Sub") named.push(...[...value.matchAll(/\$\{([^}.]+)/g)].map(([, name]) => name));
    return value;
  });
  const known = new Set([...Object.keys(Parameters), ...Object.keys(Resources)]);
  assert.deepEqual(
    named.filter((name) => !known.has(name) && !name.startsWith("AWS::")),
    [],
  );
  assert.deepEqual(
    Object.keys(Parameters).filter((name) => !named.includes(name)),
    [],
    "parameters that nothing uses",
  );
});

test("the worker's container in the template is the component's, with parameters in the place of values", () => {
  const [worker] = propertiesOf("TaskDefinition")["ContainerDefinitions"] as [Record<string, unknown>];
  assert.deepEqual(worker["Command"], ["run", "-m", { Ref: "Module" }]);
  assert.deepEqual(worker["HealthCheck"], {
    Command: ["CMD", "taskiq", "healthcheck"],
    Interval: 10,
    Timeout: 5,
    Retries: 3,
    StartPeriod: 300,
  });
  const environment = worker["Environment"] as { Name: string; Value: unknown }[];
  assert.deepEqual(environment.find(({ Name }) => Name === "TASKIQ_QUEUE_URL")?.Value, { Ref: "Queue" });
});

test("a template can be written for other arguments, and a contradiction is named", () => {
  const script = fileURLToPath(new URL("../cloudformation/template.ts", import.meta.url));
  const print = (args: object) =>
    execFileSync(process.execPath, [script, JSON.stringify(args)], { encoding: "utf8", stdio: "pipe" });
  const other: Template = JSON.parse(print({ minTasks: 0, spot: true }));
  assert.ok(other.Resources["WakeScalingPolicy"]);
  assert.throws(() => print({ minTasks: 5, maxTasks: 2 }), /minTasks must not be above maxTasks \(2\), got 5/);
});

test("a type that is not translated is named", () => {
  const unknown = { type: "aws:sns/topic:Topic", name: "STACK-topic", inputs: {} };
  assert.throws(() => translate([unknown]), /aws:sns\/topic:Topic STACK-topic: not translated/);
});
