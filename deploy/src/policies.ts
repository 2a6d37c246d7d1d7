// The permissions on the queues that each role needs, and no more. Pure: ARNs in, policy documents
// out.

export interface PolicyStatement {
  readonly Sid: string;
  readonly Effect: "Allow" | "Deny";
  readonly Action: readonly string[];
  readonly Resource: readonly string[];
  readonly Principal?: unknown;
  readonly Condition?: unknown;
}

export interface PolicyDocument {
  readonly Version: "2012-10-17";
  readonly Statement: readonly PolicyStatement[];
}

export interface QueueArns {
  readonly queue: string;
  readonly deadLetterQueue: string;
  /** A customer's key; null when SQS encrypts with its own. */
  readonly key: string | null;
}

/** What `taskiq_executor` does in a run worker. */
export function producerPolicy({ queue, key }: QueueArns): PolicyDocument {
  return document([
    allow("SendSteps", ["sqs:SendMessage", "sqs:GetQueueUrl"], [queue]),
    ...useKey(key, ["kms:GenerateDataKey", "kms:Decrypt"]),
  ]);
}

/**
 * What `taskiq run` does: takes steps, buries those that cannot be run, and ends what SQS buried by
 * itself, whose message it replaces by a copy that says so. Without the delete, both stay.
 */
export function workerPolicy({ queue, deadLetterQueue, key }: QueueArns): PolicyDocument {
  return document([
    allow("TakeSteps", [...look, "sqs:ReceiveMessage", "sqs:DeleteMessage", "sqs:ChangeMessageVisibility"], [queue]),
    allow(
      "BurySteps",
      [...look, "sqs:SendMessage", "sqs:ReceiveMessage", "sqs:ChangeMessageVisibility", "sqs:DeleteMessage"],
      [deadLetterQueue],
    ),
    ...useKey(key, ["kms:GenerateDataKey", "kms:Decrypt"]),
  ]);
}

/** What `inspect-dlq`, `replay` and `drain` do. */
export function operatorPolicy({ queue, deadLetterQueue, key }: QueueArns): PolicyDocument {
  const change = ["sqs:SendMessage", "sqs:ReceiveMessage", "sqs:DeleteMessage", "sqs:ChangeMessageVisibility"];
  return document([
    allow("MendQueues", [...look, ...change], [queue, deadLetterQueue]),
    ...useKey(key, ["kms:GenerateDataKey", "kms:Decrypt"]),
  ]);
}

/**
 * What reads the key that signs messages: the execution role of run workers' tasks, and operators
 * who replay edited letters.
 */
export function envelopeKeyPolicy(secret: string): PolicyDocument {
  return document([allow("ReadEnvelopeKey", ["secretsmanager:GetSecretValue"], [secret])]);
}

/** What ECS does before the container runs: pull the image, open the log, read the secrets. */
export function executionPolicy(settings: {
  readonly logGroup: string;
  readonly repositories: readonly string[];
  /** Secrets Manager secrets and SSM parameters. */
  readonly secrets: readonly string[];
  readonly keys: readonly string[];
}): PolicyDocument {
  const parameters = settings.secrets.filter((arn) => arn.split(":")[2] === "ssm");
  const secrets = settings.secrets.filter((arn) => !parameters.includes(arn)).map(withoutField);
  const pull = ["ecr:BatchCheckLayerAvailability", "ecr:GetDownloadUrlForLayer", "ecr:BatchGetImage"];
  return document([
    allow("WriteLog", ["logs:CreateLogStream", "logs:PutLogEvents"], [`${settings.logGroup}:*`]),
    ...some("PullImage", pull, settings.repositories),
    // The one action that ECR grants for no single repository.
    ...some("SignInToRegistry", ["ecr:GetAuthorizationToken"], settings.repositories.length > 0 ? ["*"] : []),
    ...some("ReadSecrets", ["secretsmanager:GetSecretValue"], secrets),
    ...some("ReadParameters", ["ssm:GetParameters"], parameters),
    ...some("DecryptSecrets", ["kms:Decrypt"], settings.keys),
  ]);
}

/**
 * The ARN of the ECR repository that an image lies in; `null` for an image of another registry.
 * ECR's hosts are `ACCOUNT.dkr.ecr.REGION.amazonaws.com`, with `.cn` behind it in China (ECR user
 * guide, "Private registry authentication").
 */
export function repositoryArn(image: string): string | null {
  const host = /^(\d{12})\.dkr\.ecr(?:-fips)?\.([a-z0-9-]+)\.amazonaws\.com(?:\.cn)?\/([^:@]+)/;
  const [, account, region, repository] = host.exec(image) ?? [];
  if (region === undefined) return null;
  return `arn:${partitionOf(region)}:ecr:${region}:${account}:repository/${repository}`;
}

function partitionOf(region: string): string {
  if (region.startsWith("cn-")) return "aws-cn";
  return region.startsWith("us-gov-") ? "aws-us-gov" : "aws";
}

/** Lets a task ask not to be stopped while it is busy. `cluster` is its ARN. */
export function taskProtectionPolicy(cluster: string): PolicyDocument {
  const tasks = `${cluster.replace(":cluster/", ":task/")}/*`;
  return document([allow("ProtectTask", ["ecs:GetTaskProtection", "ecs:UpdateTaskProtection"], [tasks])]);
}

/** The queue's own policy: denies every request without TLS, whatever other policies allow. */
export function tlsOnlyPolicy(queue: string): PolicyDocument {
  const deny: PolicyStatement = {
    Sid: "TlsOnly",
    Effect: "Deny",
    Principal: "*",
    Action: ["sqs:*"],
    Resource: [queue],
    Condition: { Bool: { "aws:SecureTransport": "false" } },
  };
  return document([deny]);
}

/** Who may take on a role of ECS tasks: tasks of this account alone (the confused deputy). */
export function assumedByTasks(account: string): PolicyDocument {
  const trust: Omit<PolicyStatement, "Resource"> = {
    Sid: "Tasks",
    Effect: "Allow",
    Principal: { Service: "ecs-tasks.amazonaws.com" },
    Action: ["sts:AssumeRole"],
    Condition: { StringEquals: { "aws:SourceAccount": account } },
  };
  // A trust policy names no resource: it stands on one.
  return document([trust as PolicyStatement]);
}

const look = ["sqs:GetQueueUrl", "sqs:GetQueueAttributes"];

function document(Statement: readonly PolicyStatement[]): PolicyDocument {
  return { Version: "2012-10-17", Statement };
}

function allow(Sid: string, Action: readonly string[], Resource: readonly string[]): PolicyStatement {
  return { Sid, Effect: "Allow", Action, Resource };
}

function some(sid: string, actions: readonly string[], resources: readonly string[]): readonly PolicyStatement[] {
  return resources.length === 0 ? [] : [allow(sid, actions, resources)];
}

function useKey(key: string | null, actions: readonly string[]): readonly PolicyStatement[] {
  return some("UseKey", actions, key === null ? [] : [key]);
}

/** `arn:…:secret:name-AbCdEf:field::` names a field of a secret; permissions are for the secret. */
function withoutField(arn: string): string {
  return arn.split(":").slice(0, 7).join(":");
}
