// From what the component makes to a CloudFormation template. Pure: recorded resources in, template
// out.
//
// In texts, `${…}` stands where Fn::Sub has a value. That is `${Image}` of a parameter,
// `${Queue.Arn}` of a resource, or `${AWS::Region}`.
// biome-ignore-all lint/suspicious/noTemplateCurlyInString: the placeholders of Fn::Sub

export interface Recorded {
  /** Pulumi's: `aws:sqs/queue:Queue`. */
  readonly type: string;
  readonly name: string;
  readonly inputs: Fields;
}

export type Fields = Readonly<Record<string, unknown>>;

export interface Resource {
  readonly Type: string;
  readonly DependsOn?: readonly string[];
  readonly Properties: Fields;
}

interface Translation {
  readonly Type: string;
  readonly properties: (inputs: Fields, resource: Recorded) => Fields;
  readonly DependsOn?: readonly string[];
}

/** Stands for the name of the deployment, which is the name of the stack. */
export const STACK = "STACK";

/** `Queue` and `DlqQueue`, `TaskRole`: the name behind the stack's, and the type. */
export function logicalId({ type, name }: Pick<Recorded, "type" | "name">): string {
  const words = name.replace(STACK, "").split(/[^A-Za-z0-9]+/);
  const [, last = ""] = /(\w+)$/.exec(type) ?? [];
  const kind = type.startsWith("aws:appautoscaling/") ? `Scaling${last}` : last;
  return words.map((word) => word.charAt(0).toUpperCase() + word.slice(1)).join("") + kind;
}

/**
 * Throws an error that names the type when the component has begun to make something that is not
 * translated yet.
 */
export function translate(recorded: readonly Recorded[]): Readonly<Record<string, Resource>> {
  const resources = recorded
    .filter(({ type }) => type !== ALLOW)
    .map((one) => [logicalId(one), resourceOf(one)] as const);
  const template: Record<string, Resource> = Object.fromEntries(resources);
  for (const { name, inputs } of recorded.filter(({ type }) => type === ALLOW)) {
    // A queue and its dead letter queue name each other: one of them by its name, or the template
    // has a circle.
    const text = String(inputs["redriveAllowPolicy"]).replace("${Queue.Arn}", `${QUEUE_ARN}${queueName(recorded)}`);
    const id = logicalId({ type: "aws:sqs/queue:Queue", name });
    const queue = template[id];
    if (queue === undefined) throw new Error(`${ALLOW} ${name}: there is no queue of that name`);
    template[id] = { ...queue, Properties: { ...queue.Properties, RedriveAllowPolicy: substituted(JSON.parse(text)) } };
  }
  return template;
}

const ALLOW = "aws:sqs/redriveAllowPolicy:RedriveAllowPolicy";
const QUEUE_ARN = "arn:${AWS::Partition}:sqs:${AWS::Region}:${AWS::AccountId}:";

function queueName(recorded: readonly Recorded[]): string {
  return String(recorded.find(({ type, name }) => type.endsWith(":Queue") && name === STACK)?.inputs["name"]);
}

function resourceOf(recorded: Recorded): Resource {
  const translation = translations[recorded.type];
  if (translation === undefined) throw new Error(`${recorded.type} ${recorded.name}: not translated to CloudFormation`);
  const { Type, properties, DependsOn } = translation;
  const Properties = substituted(properties(recorded.inputs, recorded)) as Fields;
  return DependsOn === undefined ? { Type, Properties } : { Type, DependsOn, Properties };
}

const translations: Readonly<Record<string, Translation>> = {
  "aws:sqs/queue:Queue": {
    Type: "AWS::SQS::Queue",
    properties: ({ redrivePolicy, ...inputs }) => ({
      ...renamed(inputs, {
        name: "QueueName",
        messageRetentionSeconds: "MessageRetentionPeriod",
        visibilityTimeoutSeconds: "VisibilityTimeout",
        receiveWaitTimeSeconds: "ReceiveMessageWaitTimeSeconds",
      }),
      ...(redrivePolicy === undefined ? {} : { RedrivePolicy: JSON.parse(String(redrivePolicy)) }),
    }),
  },
  "aws:sqs/queuePolicy:QueuePolicy": {
    Type: "AWS::SQS::QueuePolicy",
    properties: ({ queueUrl, policy }) => ({ Queues: [queueUrl], PolicyDocument: JSON.parse(String(policy)) }),
  },
  "aws:cloudwatch/logGroup:LogGroup": {
    Type: "AWS::Logs::LogGroup",
    properties: (inputs) => renamed(inputs, { name: "LogGroupName" }),
  },
  "aws:iam/role:Role": {
    Type: "AWS::IAM::Role",
    properties: ({ assumeRolePolicy, ...inputs }) => ({
      AssumeRolePolicyDocument: JSON.parse(String(assumeRolePolicy)),
      ...renamed(inputs, {}),
    }),
  },
  "aws:iam/rolePolicy:RolePolicy": {
    Type: "AWS::IAM::RolePolicy",
    properties: ({ role, policy }, { name }) => ({
      RoleName: role,
      PolicyName: name,
      PolicyDocument: JSON.parse(String(policy)),
    }),
  },
  "aws:iam/policy:Policy": {
    Type: "AWS::IAM::ManagedPolicy",
    properties: ({ policy }, { name }) => ({ Description: name, PolicyDocument: JSON.parse(String(policy)) }),
  },
  "aws:ecs/taskDefinition:TaskDefinition": {
    Type: "AWS::ECS::TaskDefinition",
    properties: ({ containerDefinitions, ...inputs }) => ({
      ...renamed(inputs, {}),
      ContainerDefinitions: capitalized(JSON.parse(String(containerDefinitions))),
    }),
  },
  "aws:ecs/service:Service": {
    Type: "AWS::ECS::Service",
    properties: serviceProperties,
    // Fargate pulls the image and writes the log by these.
    DependsOn: ["ExecutionRolePolicy", "QueuesRolePolicy"],
  },
  "aws:appautoscaling/target:Target": {
    Type: "AWS::ApplicationAutoScaling::ScalableTarget",
    properties: (inputs) => renamed(inputs, {}),
  },
  "aws:appautoscaling/policy:Policy": {
    Type: "AWS::ApplicationAutoScaling::ScalingPolicy",
    properties: (inputs, { name }) => ({ PolicyName: name, ...renamed(inputs, {}) }),
    DependsOn: ["ScalingTarget"],
  },
  "aws:cloudwatch/metricAlarm:MetricAlarm": {
    Type: "AWS::CloudWatch::Alarm",
    properties: ({ metricQueries, ...inputs }) => ({
      ...renamed(inputs, { name: "AlarmName", okActions: "OKActions" }),
      ...(metricQueries === undefined ? {} : { Metrics: (metricQueries as readonly Fields[]).map(metricQuery) }),
    }),
  },
  "aws:cloudwatch/logMetricFilter:LogMetricFilter": {
    Type: "AWS::Logs::MetricFilter",
    properties: ({ logGroupName, pattern, metricTransformation }) => {
      const { namespace, name, value, defaultValue } = metricTransformation as Fields;
      const counted = { MetricNamespace: namespace, MetricName: name, MetricValue: value };
      return {
        LogGroupName: logGroupName,
        FilterPattern: pattern,
        MetricTransformations: [{ ...counted, DefaultValue: Number(defaultValue) }],
      };
    },
  },
};

function serviceProperties({ networkConfiguration, ...inputs }: Fields): Fields {
  const { subnets, securityGroups, assignPublicIp } = networkConfiguration as Fields;
  const { deploymentCircuitBreaker, deploymentMaximumPercent, deploymentMinimumHealthyPercent, ...rest } = inputs;
  // Without a desired count an update of the stack leaves what the scaling has set.
  const { capacityProviderStrategies, desiredCount: _scaled, ...own } = rest;
  return {
    ...renamed(own, {}),
    CapacityProviderStrategy: capitalized(capacityProviderStrategies),
    NetworkConfiguration: {
      AwsvpcConfiguration: {
        Subnets: subnets,
        SecurityGroups: securityGroups,
        AssignPublicIp: assignPublicIp === true ? "ENABLED" : "DISABLED",
      },
    },
    DeploymentConfiguration: {
      DeploymentCircuitBreaker: capitalized(deploymentCircuitBreaker),
      MaximumPercent: deploymentMaximumPercent,
      MinimumHealthyPercent: deploymentMinimumHealthyPercent,
    },
  };
}

function metricQuery({ metric, ...query }: Fields): unknown {
  if (metric === undefined) return capitalized(query);
  const { period, stat, ...named } = metric as Fields;
  return { ...(capitalized(query) as Fields), MetricStat: { Metric: capitalized(named), Period: period, Stat: stat } };
}

/**
 * Keys that do not follow by a capital letter, and tags, which are left out when there are none.
 */
function renamed({ tags, ...inputs }: Fields, names: Readonly<Record<string, string>>): Fields {
  const entries = Object.entries(inputs).map(([key, value]) => [names[key] ?? capital(key), capitalized(value, key)]);
  const pairs = Object.entries((tags as Fields | undefined) ?? {}).map(([Key, Value]) => ({ Key, Value }));
  return { ...Object.fromEntries(entries), ...(pairs.length === 0 ? {} : { Tags: pairs }) };
}

function capitalized(value: unknown, key = ""): unknown {
  if (Array.isArray(value)) return value.map((one) => capitalized(one));
  if (typeof value !== "object" || value === null) return value;
  // The log driver's own options keep their names.
  if (key === "options") return value;
  if (key === "dimensions") return Object.entries(value).map(([Name, Value]) => ({ Name, Value }));
  return Object.fromEntries(Object.entries(value).map(([name, inner]) => [capital(name), capitalized(inner, name)]));
}

function capital(name: string): string {
  return name.charAt(0).toUpperCase() + name.slice(1);
}

/**
 * Texts with `${…}` become Fn::Sub, a text that is nothing else Ref or Fn::GetAtt, and a list of
 * one such parameter the parameter.
 */
function substituted(value: unknown): unknown {
  if (Array.isArray(value))
    return value.length === 1 && isList(value[0]) ? substituted(value[0]) : value.map(substituted);
  if (typeof value === "object" && value !== null) {
    return Object.fromEntries(Object.entries(value).map(([key, inner]) => [key, substituted(inner)]));
  }
  if (typeof value !== "string") return value;
  const text = value.replaceAll(STACK, "${AWS::StackName}");
  const [, alone] = /^\$\{([^}]+)\}$/.exec(text) ?? [];
  if (alone === undefined) return text.includes("${") ? { "Fn::Sub": text } : text;
  const [id, attribute] = alone.split(".");
  return attribute === undefined ? { Ref: alone } : { "Fn::GetAtt": [id, attribute] };
}

/** Parameters that are lists themselves are named in the plural. */
function isList(value: unknown): boolean {
  return typeof value === "string" && /^\$\{[A-Za-z]+s\}$/.test(value);
}
