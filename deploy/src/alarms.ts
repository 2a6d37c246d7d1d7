// What somebody must be told of. Each alarm's description says what to look at first.
import * as aws from "@pulumi/aws";
import type * as pulumi from "@pulumi/pulumi";

export interface AlarmSettings {
  readonly queueName: pulumi.Input<string>;
  readonly deadLetterQueueName: pulumi.Input<string>;
  readonly clusterName: pulumi.Input<string>;
  readonly serviceName: pulumi.Input<string>;
  readonly logGroupName: pulumi.Input<string>;
  /** Steps that wait longer than this are late. */
  readonly oldestMessageSeconds: number;
  /** SNS topics; none: the alarms are only shown. */
  readonly topicArns: readonly pulumi.Input<string>[];
  readonly tags: Readonly<Record<string, string>>;
}

/** Where the worker's log lines are counted. */
const NAMESPACE = "taskiq";

export function createAlarms(name: string, settings: AlarmSettings, parent: pulumi.Resource): void {
  const alarm = alarmsOf(name, settings, parent);
  oldestMessage(settings, alarm);
  deadLetters(settings, alarm);
  unhealthyTasks(settings, alarm);
  lostLeases(name, settings, alarm, parent);
}

type Alarm = (what: string, args: Omit<aws.cloudwatch.MetricAlarmArgs, "name" | "tags">) => void;

function alarmsOf(name: string, { topicArns, tags }: AlarmSettings, parent: pulumi.Resource): Alarm {
  const actions = { alarmActions: [...topicArns], okActions: [...topicArns] };
  return (what, args) => {
    const named = { name: `${name}-${what}`, tags: { ...tags }, ...actions };
    // No data is no news: an idle queue reports nothing.
    new aws.cloudwatch.MetricAlarm(
      `${name}-${what}`,
      { ...named, treatMissingData: "notBreaching", ...args },
      { parent },
    );
  };
}

function oldestMessage({ queueName, oldestMessageSeconds }: AlarmSettings, alarm: Alarm): void {
  alarm("oldest-message", {
    alarmDescription: "Steps wait too long: too few workers, or none that takes steps. Ask a worker's /readyz.",
    namespace: "AWS/SQS",
    metricName: "ApproximateAgeOfOldestMessage",
    dimensions: { QueueName: queueName },
    statistic: "Maximum",
    period: 60,
    evaluationPeriods: 5,
    threshold: oldestMessageSeconds,
    comparisonOperator: "GreaterThanThreshold",
  });
}

function deadLetters({ deadLetterQueueName }: AlarmSettings, alarm: Alarm): void {
  alarm("dead-letters", {
    alarmDescription: "A step could not be run. taskiq inspect-dlq says which, why, and what to do.",
    namespace: "AWS/SQS",
    metricName: "ApproximateNumberOfMessagesVisible",
    dimensions: { QueueName: deadLetterQueueName },
    statistic: "Maximum",
    period: 60,
    evaluationPeriods: 1,
    threshold: 0,
    comparisonOperator: "GreaterThanThreshold",
  });
}

function unhealthyTasks({ clusterName, serviceName }: AlarmSettings, alarm: Alarm): void {
  const count = (id: string, metricName: string) => ({
    id,
    returnData: false,
    metric: {
      namespace: "ECS/ContainerInsights",
      metricName,
      dimensions: { ClusterName: clusterName, ServiceName: serviceName },
      stat: "Average",
      period: 60,
    },
  });
  alarm("unhealthy-tasks", {
    alarmDescription:
      "Fewer tasks run than should: they fail to start or their health check. Look at the service's events.",
    metricQueries: [
      count("desired", "DesiredTaskCount"),
      count("running", "RunningTaskCount"),
      { id: "missing", label: "missing tasks", expression: "desired - running", returnData: true },
    ],
    evaluationPeriods: 10,
    threshold: 0,
    comparisonOperator: "GreaterThanThreshold",
  });
}

function lostLeases(name: string, { logGroupName }: AlarmSettings, alarm: Alarm, parent: pulumi.Resource): void {
  const metricName = `${name}-lost-leases`;
  new aws.cloudwatch.LogMetricFilter(
    metricName,
    {
      logGroupName,
      pattern: '{ $.event = "lease.lost" }',
      metricTransformation: { namespace: NAMESPACE, name: metricName, value: "1", defaultValue: "0" },
    },
    { parent },
  );
  alarm("lost-leases", {
    alarmDescription:
      "Steps were killed because their lease could not be renewed: look at the ledger's database first.",
    namespace: NAMESPACE,
    metricName,
    statistic: "Sum",
    period: 300,
    evaluationPeriods: 1,
    threshold: 0,
    comparisonOperator: "GreaterThanThreshold",
  });
}
