// What a user says of a deployment.
import type * as pulumi from "@pulumi/pulumi";
import type { Sizing } from "./settings.ts";

type Texts = readonly pulumi.Input<string>[];

/** Numbers come from `Sizing`; everything that has a default may be left out. */
export interface TaskiqWorkersArgs extends Partial<Sizing> {
  /** The image with `taskiq`, Python, and your code. */
  readonly image: pulumi.Input<string>;
  /**
   * An ECS cluster with the Fargate capacity providers and Container Insights: task counts come
   * from there.
   */
  readonly cluster: { readonly arn: pulumi.Input<string>; readonly name: pulumi.Input<string> };
  readonly subnetIds: pulumi.Input<pulumi.Input<string>[]>;
  /**
   * They must let tasks reach SQS, Dagster's database and the ledger's. Nothing needs to reach a
   * task.
   */
  readonly securityGroupIds: pulumi.Input<pulumi.Input<string>[]>;
  readonly assignPublicIp?: boolean;

  /** Dagster's own flags: `["-m", "my_project.definitions"]`. */
  readonly codeLocation: readonly string[];
  /** Instead of `run` and the code location. */
  readonly command?: readonly string[];
  /** Instead of the image's own; it also starts the health check. Default `["taskiq"]`. */
  readonly entryPoint?: readonly string[];
  /** More variables: `DAGSTER_HOME`, `POSTGRES_HOST`, what your code reads. */
  readonly environment?: Readonly<Record<string, pulumi.Input<string>>>;
  /** Variables whose values come from Secrets Manager or SSM, by ARN: `POSTGRES_PASSWORD`. */
  readonly secrets?: Readonly<Record<string, pulumi.Input<string>>>;
  /** Keys that decrypt those secrets, when they are your own. */
  readonly secretsKeyArns?: Texts;
  /**
   * ECR repositories that the image comes from. Default: the image's own, when its name says that
   * it lies in ECR.
   */
  readonly repositoryArns?: Texts;
  /**
   * Makes a key in Secrets Manager and gives it to the workers, which then bury every message that
   * is not signed with it. Run workers need it, too: see `envelopeKeyArn`. Default false.
   */
  readonly signedMessages?: boolean;
  /** Policies that your steps need. */
  readonly stepPolicyArns?: Texts;

  /** Default true. */
  readonly fifo?: boolean;
  /** Encrypts the queues with your key instead of SQS's own. */
  readonly kmsKeyArn?: pulumi.Input<string>;

  /** CPU units; default 1024. */
  readonly cpu?: number;
  /** MiB; default 4096. */
  readonly memory?: number;
  readonly cpuArchitecture?: "X86_64" | "ARM64";
  /**
   * Fargate Spot, but for the first `onDemandTasks`. AWS stops Spot tasks with two minutes' notice,
   * or gives none when it has no capacity; the steps of a stopped task go back to the queue at no
   * cost.
   */
  readonly spot?: boolean;
  /**
   * Busy tasks ask ECS not to stop them for a deploy or a scale-in. Default true: otherwise a
   * scale-in restarts long steps.
   */
  readonly taskProtection?: boolean;
  /** Default 8080. */
  readonly healthPort?: number;

  /** SNS topics to which alarms are sent. */
  readonly alarmTopicArns?: Texts;
  /** Default 30. */
  readonly logRetentionDays?: number;
  readonly tags?: Readonly<Record<string, string>>;
}
