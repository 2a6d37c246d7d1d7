// The component: queues, roles, and an ECS service of workers that grows with the backlog.
import * as aws from "@pulumi/aws";
import * as pulumi from "@pulumi/pulumi";
import { createAlarms } from "./alarms.ts";
import { createAutoscaling } from "./autoscaling.ts";
import { TMP_VOLUME, workerContainer } from "./container.ts";
import { createEnvelopeKey, KEY_VARIABLE } from "./envelope-key.ts";
import { repositoryArn } from "./policies.ts";
import { createQueues, type Queues } from "./queues.ts";
import { createRoles, type Roles } from "./roles.ts";
import { resolveSizing, type Sizing } from "./settings.ts";
import type { TaskiqWorkersArgs } from "./workers-args.ts";

/** Runs Dagster steps on ECS Fargate, fed by SQS. */
export class TaskiqWorkers extends pulumi.ComponentResource {
  /** For the executor's `queue_url`, or `TASKIQ_QUEUE_URL` where runs are launched. */
  readonly queueUrl: pulumi.Output<string>;
  readonly queueArn: pulumi.Output<string>;
  readonly deadLetterQueueUrl: pulumi.Output<string>;
  readonly deadLetterQueueArn: pulumi.Output<string>;
  /** To attach to the role under which run workers send steps. */
  readonly producerPolicyArn: pulumi.Output<string>;
  /** For the role of the operators, who use `inspect-dlq`, `replay` and `drain`. */
  readonly operatorPolicyArn: pulumi.Output<string>;
  /**
   * The secret for `TASKIQ_ENVELOPE_KEY` of run workers and operators; undefined unless messages
   * are signed.
   */
  readonly envelopeKeyArn: pulumi.Output<string> | undefined;
  /** To attach to whichever role reads that secret: of ECS tasks, it is the execution role. */
  readonly envelopeKeyPolicyArn: pulumi.Output<string> | undefined;
  readonly taskRoleArn: pulumi.Output<string>;
  readonly taskDefinitionArn: pulumi.Output<string>;
  readonly serviceName: pulumi.Output<string>;
  readonly logGroupName: pulumi.Output<string>;

  /** Throws when numbers in `args` contradict each other; see `Sizing`. */
  constructor(name: string, given: TaskiqWorkersArgs, options?: pulumi.ComponentResourceOptions) {
    super("taskiq:deploy:TaskiqWorkers", name, {}, options);
    const sizing = resolveSizing(given);
    const tags = given.tags ?? {};
    const key = given.signedMessages === true ? createEnvelopeKey(name, tags, this) : null;
    const args = key === null ? given : { ...given, secrets: { ...given.secrets, [KEY_VARIABLE]: key.secret.arn } };
    const queues = createQueues(name, { ...sizing, fifo: args.fifo ?? true, kmsKeyArn: args.kmsKeyArn, tags }, this);
    const logGroup = new aws.cloudwatch.LogGroup(
      name,
      { name: `/taskiq/${name}`, retentionInDays: args.logRetentionDays ?? 30, tags: { ...tags } },
      { parent: this },
    );
    const roles = this.#roles(name, args, queues, logGroup);
    const task = this.#taskDefinition(name, args, sizing, { queues, logGroup, roles });
    const service = this.#service(name, args, sizing, task);
    const around = { clusterName: args.cluster.name, serviceName: service.name, queueName: queues.queue.name };
    createAutoscaling(name, { ...around, sizing, tags }, this);
    createAlarms(
      name,
      {
        ...around,
        deadLetterQueueName: queues.deadLetterQueue.name,
        logGroupName: logGroup.name,
        longestWaitSeconds: sizing.longestWaitSeconds,
        topicArns: args.alarmTopicArns ?? [],
        tags,
      },
      this,
    );
    this.queueUrl = queues.queue.url;
    this.queueArn = queues.queue.arn;
    this.deadLetterQueueUrl = queues.deadLetterQueue.url;
    this.deadLetterQueueArn = queues.deadLetterQueue.arn;
    this.producerPolicyArn = roles.producerPolicy.arn;
    this.operatorPolicyArn = roles.operatorPolicy.arn;
    this.envelopeKeyArn = key?.secret.arn;
    this.envelopeKeyPolicyArn = key?.policy.arn;
    this.taskRoleArn = roles.task.arn;
    this.taskDefinitionArn = task.arn;
    this.serviceName = service.name;
    this.logGroupName = logGroup.name;
    this.registerOutputs();
  }

  #roles(name: string, args: TaskiqWorkersArgs, queues: Queues, logGroup: aws.cloudwatch.LogGroup): Roles {
    const settings = {
      queues,
      kmsKeyArn: args.kmsKeyArn,
      logGroup,
      repositoryArns: args.repositoryArns ?? ownRepository(args.image),
      secrets: Object.values(args.secrets ?? {}),
      secretsKeyArns: args.secretsKeyArns ?? [],
      protectTasksOf: protects(args) ? args.cluster.arn : null,
      stepPolicyArns: args.stepPolicyArns ?? [],
      tags: args.tags ?? {},
    };
    return createRoles(name, settings, this);
  }

  #taskDefinition(
    name: string,
    args: TaskiqWorkersArgs,
    sizing: Sizing,
    { queues, logGroup, roles }: { queues: Queues; logGroup: aws.cloudwatch.LogGroup; roles: Roles },
  ): aws.ecs.TaskDefinition {
    const container = pulumi
      .output({
        image: args.image,
        queueUrl: queues.queue.url,
        deadLetterQueueUrl: queues.deadLetterQueue.url,
        region: aws.getRegionOutput({}, { parent: this }).region,
        logGroup: logGroup.name,
        environment: { ...args.environment },
        secrets: { ...args.secrets },
      })
      .apply((settled) =>
        workerContainer({
          ...settled,
          sizing,
          entryPoint: args.entryPoint ?? ["taskiq"],
          command: args.command ?? ["run", ...args.codeLocation],
          healthPort: args.healthPort ?? 8080,
          taskProtection: protects(args),
        }),
      );
    return new aws.ecs.TaskDefinition(
      name,
      {
        family: name,
        requiresCompatibilities: ["FARGATE"],
        networkMode: "awsvpc",
        cpu: String(args.cpu ?? 1024),
        memory: String(args.memory ?? 4096),
        runtimePlatform: { operatingSystemFamily: "LINUX", cpuArchitecture: args.cpuArchitecture ?? "X86_64" },
        taskRoleArn: roles.task.arn,
        executionRoleArn: roles.execution.arn,
        volumes: [{ name: TMP_VOLUME }],
        containerDefinitions: container.apply((one) => JSON.stringify([one])),
        tags: { ...args.tags },
      },
      { parent: this },
    );
  }

  #service(name: string, args: TaskiqWorkersArgs, sizing: Sizing, task: aws.ecs.TaskDefinition): aws.ecs.Service {
    return new aws.ecs.Service(
      name,
      {
        cluster: args.cluster.arn,
        taskDefinition: task.arn,
        desiredCount: sizing.minTasks,
        capacityProviderStrategies: capacityProviders(args.spot === true, sizing),
        networkConfiguration: {
          subnets: args.subnetIds,
          securityGroups: args.securityGroupIds,
          assignPublicIp: args.assignPublicIp ?? false,
        },
        // New workers start before old ones stop, so that the queue never waits for a worker.
        deploymentMinimumHealthyPercent: 100,
        deploymentMaximumPercent: 200,
        deploymentCircuitBreaker: { enable: true, rollback: true },
        propagateTags: "SERVICE",
        tags: { ...args.tags },
      },
      // The autoscaling sets it from then on.
      { parent: this, ignoreChanges: ["desiredCount"] },
    );
  }
}

function protects({ taskProtection = true }: TaskiqWorkersArgs): boolean {
  return taskProtection;
}

function capacityProviders(spot: boolean, { onDemandTasks }: Sizing) {
  if (!spot) return [{ capacityProvider: "FARGATE", weight: 1 }];
  // ECS fills `base` first and shares the rest out by weight.
  return [
    { capacityProvider: "FARGATE", base: onDemandTasks, weight: 0 },
    { capacityProvider: "FARGATE_SPOT", weight: 1 },
  ];
}

function ownRepository(image: pulumi.Input<string>): pulumi.Output<string[]> {
  return pulumi.output(image).apply((name) => {
    const arn = repositoryArn(name);
    return arn === null ? [] : [arn];
  });
}

/**
 * The same in one call, for programs that keep to functions: `const { queueUrl } =
 * createTaskiqInfrastructure("steps", {…})`.
 */
export function createTaskiqInfrastructure(
  name: string,
  args: TaskiqWorkersArgs,
  options?: pulumi.ComponentResourceOptions,
): TaskiqWorkers {
  return new TaskiqWorkers(name, args, options);
}
