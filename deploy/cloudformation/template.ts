// The component as a CloudFormation template, for those who do not use Pulumi. Nothing is asked of
// AWS: Pulumi's mocks record what the component makes.
//
//   npm run template                                     writes cloudformation/template.json
//   npm run template -- '{"concurrency": 8, "spot": true}'  prints a template with other arguments
// biome-ignore-all lint/suspicious/noTemplateCurlyInString: the placeholders of Fn::Sub
import { writeFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import * as pulumi from "@pulumi/pulumi";
import type { TaskiqWorkersArgs } from "../src/workers-args.ts";
import { logicalId, type Recorded, STACK, translate } from "./translate.ts";

export const templatePath = fileURLToPath(new URL("template.json", import.meta.url));

const text = (Description: string, Default?: string) => ({
  Type: "String",
  Description,
  ...(Default === undefined ? {} : { Default }),
});

const parameters = {
  Image: text("The image with taskiq, Python and your code"),
  RepositoryArn: text("ARN of the ECR repository that the image lies in"),
  Module: text("The Python module with your Dagster definitions: my_project.definitions"),
  ClusterName: text("An ECS cluster with the Fargate capacity providers and Container Insights"),
  SubnetIds: { Type: "List<AWS::EC2::Subnet::Id>", Description: "Where tasks run" },
  SecurityGroupIds: {
    Type: "List<AWS::EC2::SecurityGroup::Id>",
    Description: "They let tasks reach SQS, Dagster's database and the ledger's",
  },
  PostgresHost: text("The server of both databases"),
  DagsterUser: text("Role in Dagster's database", "dagster"),
  DagsterDatabase: text("Dagster's database", "dagster"),
  DagsterPasswordArn: text("ARN of the secret with that role's password"),
  LedgerUser: text("Role in the ledger's database", "taskiq"),
  LedgerDatabase: text("The ledger's database", "taskiq"),
  LedgerPasswordArn: text("ARN of the secret with that role's password"),
  AlarmTopicArn: text("SNS topic to which alarms are sent"),
};

const args: TaskiqWorkersArgs = {
  image: "${Image}",
  repositoryArns: ["${RepositoryArn}"],
  cluster: {
    arn: "arn:${AWS::Partition}:ecs:${AWS::Region}:${AWS::AccountId}:cluster/${ClusterName}",
    name: "${ClusterName}",
  },
  subnetIds: ["${SubnetIds}"],
  securityGroupIds: ["${SecurityGroupIds}"],
  codeLocation: ["-m", "${Module}"],
  environment: {
    DAGSTER_POSTGRES_HOST: "${PostgresHost}",
    DAGSTER_POSTGRES_USER: "${DagsterUser}",
    DAGSTER_POSTGRES_DB: "${DagsterDatabase}",
    POSTGRES_HOST: "${PostgresHost}",
    POSTGRES_USER: "${LedgerUser}",
    POSTGRES_DB: "${LedgerDatabase}",
  },
  secrets: { DAGSTER_POSTGRES_PASSWORD: "${DagsterPasswordArn}", POSTGRES_PASSWORD: "${LedgerPasswordArn}" },
  alarmTopicArns: ["${AlarmTopicArn}"],
};

/**
 * Throws what the component throws for arguments that contradict each other. Once in a process:
 * Pulumi's mocks are global.
 */
export async function template(given: Partial<TaskiqWorkersArgs> = {}): Promise<string> {
  const Resources = translate(await recorded({ ...args, ...given }));
  return `${JSON.stringify(
    {
      AWSTemplateFormatVersion: "2010-09-09",
      Description: "taskiq workers for Dagster on ECS Fargate, with their queues. Written by npm run template.",
      Parameters: parameters,
      Resources,
      Outputs: {
        QueueUrl: { Description: "For the executor's queue_url, or TASKIQ_QUEUE_URL", Value: { Ref: "Queue" } },
        DeadLetterQueueUrl: { Value: { Ref: "DlqQueue" } },
        ProducerPolicyArn: { Description: "For the role of Dagster's run workers", Value: { Ref: "ProducerPolicy" } },
        OperatorPolicyArn: { Description: "For the role of operators", Value: { Ref: "OperatorPolicy" } },
        TaskRoleArn: { Value: { "Fn::GetAtt": ["TaskRole", "Arn"] } },
      },
    },
    null,
    2,
  )}\n`;
}

async function recorded(all: TaskiqWorkersArgs): Promise<readonly Recorded[]> {
  const made: Recorded[] = [];
  await pulumi.runtime.setMocks(
    {
      newResource: ({ type, name, inputs }) => {
        if (type.startsWith("aws:")) made.push({ type, name, inputs });
        const id = logicalId({ type, name });
        // Ref of a role, a service and a log group is its name, and of a queue its URL
        // (CloudFormation template reference).
        const own = { name: inputs.name ?? `\${${id}}`, arn: `\${${id}.Arn}`, url: `\${${id}}` };
        return { id: `\${${id}}`, state: { ...inputs, ...own, ...attributes(type, id) } };
      },
      call: ({ token }) =>
        token.endsWith("getCallerIdentity") ? { accountId: "${AWS::AccountId}" } : { region: "${AWS::Region}" },
    },
    "taskiq",
    "template",
  );
  const { TaskiqWorkers } = await import("../src/taskiq-workers.ts");
  new TaskiqWorkers(STACK, all);
  // Resolves when everything is made that waits for outputs, too.
  await pulumi.runtime.disconnect();
  // In the order of names, so that the same component makes the same text.
  return made.toSorted((a, b) => (logicalId(a) < logicalId(b) ? -1 : 1));
}

/** Resources whose ARN or name CloudFormation gives by another attribute. */
function attributes(type: string, id: string): object {
  if (type.endsWith(":Service")) return { name: `\${${id}.Name}` };
  if (type.endsWith(":TaskDefinition") || type === "aws:iam/policy:Policy") return { arn: `\${${id}}` };
  if (type === "aws:appautoscaling/policy:Policy") return { arn: `\${${id}}` };
  // Its attribute ends in `:*`, which the policy adds itself.
  if (type.endsWith(":LogGroup")) {
    return { arn: "arn:${AWS::Partition}:logs:${AWS::Region}:${AWS::AccountId}:log-group:/taskiq/STACK" };
  }
  return {};
}

if (import.meta.main) {
  const [given] = process.argv.slice(2);
  if (given === undefined) writeFileSync(templatePath, await template());
  else process.stdout.write(await template(JSON.parse(given)));
}
