// The roles of the task, and the policies for those who send steps and for those who mend queues.
import * as aws from "@pulumi/aws";
import * as pulumi from "@pulumi/pulumi";
import {
  assumedByTasks,
  executionPolicy,
  operatorPolicy,
  type PolicyDocument,
  producerPolicy,
  type QueueArns,
  taskProtectionPolicy,
  workerPolicy,
} from "./policies.ts";
import type { Queues } from "./queues.ts";

export interface RolesSettings {
  readonly queues: Queues;
  readonly kmsKeyArn: pulumi.Input<string> | undefined;
  readonly logGroup: aws.cloudwatch.LogGroup;
  readonly repositoryArns: pulumi.Input<readonly pulumi.Input<string>[]>;
  readonly secrets: readonly pulumi.Input<string>[];
  readonly secretsKeyArns: readonly pulumi.Input<string>[];
  /** Of the cluster; null when tasks do not ask for protection. */
  readonly protectTasksOf: pulumi.Input<string> | null;
  /** What the steps themselves need: buckets, databases. */
  readonly stepPolicyArns: readonly pulumi.Input<string>[];
  readonly tags: Readonly<Record<string, string>>;
}

export interface Roles {
  readonly task: aws.iam.Role;
  readonly execution: aws.iam.Role;
  readonly producerPolicy: aws.iam.Policy;
  readonly operatorPolicy: aws.iam.Policy;
}

export function createRoles(name: string, settings: RolesSettings, parent: pulumi.Resource): Roles {
  const arns = arnsOf(settings);
  const task = roleOf(`${name}-task`, settings, parent);
  inline(`${name}-queues`, task, arns.apply(workerPolicy), parent);
  const { protectTasksOf } = settings;
  if (protectTasksOf !== null) {
    inline(`${name}-protection`, task, pulumi.output(protectTasksOf).apply(taskProtectionPolicy), parent);
  }
  for (const [index, policyArn] of settings.stepPolicyArns.entries()) {
    new aws.iam.RolePolicyAttachment(`${name}-steps-${index}`, { role: task.name, policyArn }, { parent });
  }
  const execution = roleOf(`${name}-execution`, settings, parent);
  inline(`${name}-execution`, execution, executionOf(settings), parent);
  return {
    task,
    execution,
    producerPolicy: managed(`${name}-producer`, arns.apply(producerPolicy), settings, parent),
    operatorPolicy: managed(`${name}-operator`, arns.apply(operatorPolicy), settings, parent),
  };
}

function arnsOf({ queues, kmsKeyArn }: RolesSettings): pulumi.Output<QueueArns> {
  return pulumi
    .all([queues.queue.arn, queues.deadLetterQueue.arn, kmsKeyArn])
    .apply(([queue, deadLetterQueue, key]) => ({ queue, deadLetterQueue, key: key ?? null }));
}

function executionOf(settings: RolesSettings): pulumi.Output<PolicyDocument> {
  const { logGroup, repositoryArns, secrets, secretsKeyArns } = settings;
  return pulumi
    .output({
      logGroup: logGroup.arn,
      repositories: repositoryArns,
      secrets: [...secrets],
      keys: [...secretsKeyArns],
    })
    .apply(executionPolicy);
}

function roleOf(name: string, { tags }: RolesSettings, parent: pulumi.Resource): aws.iam.Role {
  const account = aws.getCallerIdentityOutput({}, { parent }).accountId;
  const assumeRolePolicy = account.apply((id) => JSON.stringify(assumedByTasks(id)));
  return new aws.iam.Role(name, { assumeRolePolicy, tags: { ...tags } }, { parent });
}

function inline(
  name: string,
  role: aws.iam.Role,
  policy: pulumi.Output<PolicyDocument>,
  parent: pulumi.Resource,
): void {
  new aws.iam.RolePolicy(
    name,
    { role: role.id, policy: policy.apply((document) => JSON.stringify(document)) },
    { parent },
  );
}

function managed(
  name: string,
  policy: pulumi.Output<PolicyDocument>,
  { tags }: RolesSettings,
  parent: pulumi.Resource,
): aws.iam.Policy {
  const text = policy.apply((document) => JSON.stringify(document));
  return new aws.iam.Policy(name, { policy: text, tags: { ...tags } }, { parent });
}
