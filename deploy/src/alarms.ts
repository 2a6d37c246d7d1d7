// The alarms of a deployment. Each description says what to look at first.
import * as aws from "@pulumi/aws";
import type * as pulumi from "@pulumi/pulumi";
import { queried } from "./autoscaling.ts";
import { type Measured, secondsOfWaiting, sourcesOf } from "./load.ts";

export interface AlarmSettings extends Measured<pulumi.Input<string>> {
  readonly deadLetterQueueName: pulumi.Input<string>;
  readonly logGroupName: pulumi.Input<string>;
  /** Steps that wait longer than this are late. */
  readonly longestWaitSeconds: number;
  /** SNS topics. Without any, the alarms are only shown. */
  readonly topicArns: readonly pulumi.Input<string>[];
  readonly tags: Readonly<Record<string, string>>;
}

/** Where the worker's log lines are counted. */
const NAMESPACE = "taskiq";

export function createAlarms(name: string, settings: AlarmSettings, parent: pulumi.Resource): void {
  const alarm = alarmsOf(name, settings, parent);
  longWait(settings, alarm);
  deadLetters(settings, alarm);
  unhealthyTasks(settings, alarm);
  for (const event of loggedEvents) logged(name, settings, event, alarm, parent);
}

type Alarm = (what: string, args: Omit<aws.cloudwatch.MetricAlarmArgs, "name" | "tags">) => void;

function alarmsOf(name: string, { topicArns, tags }: AlarmSettings, parent: pulumi.Resource): Alarm {
  const actions = { alarmActions: [...topicArns], okActions: [...topicArns] };
  return (what, args) => {
    const named = { name: `${name}-${what}`, tags: { ...tags }, ...actions };
    // Missing data is not an alarm: an idle queue reports nothing.
    new aws.cloudwatch.MetricAlarm(
      `${name}-${what}`,
      { ...named, treatMissingData: "notBreaching", ...args },
      { parent },
    );
  };
}

function longWait(settings: AlarmSettings, alarm: Alarm): void {
  const { waiting, deleted } = sourcesOf(settings);
  const { longestWaitSeconds } = settings;
  alarm("long-wait", {
    alarmDescription: "Steps wait too long: too few workers, or none that takes steps. Ask a worker's /readyz.",
    metricQueries: [
      ...[waiting, deleted].map(queried),
      {
        id: "wait",
        label: "seconds that a step waits",
        expression: secondsOfWaiting(longestWaitSeconds),
        returnData: true,
      },
    ],
    // The estimate is about steps that come now. It must have held for as long before a step has
    // waited for so long.
    evaluationPeriods: Math.ceil(longestWaitSeconds / 60),
    threshold: longestWaitSeconds,
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

function unhealthyTasks(settings: AlarmSettings, alarm: Alarm): void {
  const { desired, running } = sourcesOf(settings);
  alarm("unhealthy-tasks", {
    alarmDescription:
      "Fewer tasks run than should: they fail to start or their health check. Look at the service's events.",
    metricQueries: [
      ...[desired, running].map(queried),
      { id: "missing", label: "missing tasks", expression: "desired - running", returnData: true },
    ],
    evaluationPeriods: 10,
    threshold: 0,
    comparisonOperator: "GreaterThanThreshold",
  });
}

interface LoggedEvent {
  readonly what: string;
  /** As the worker's JSON log names it. */
  readonly event: string;
  readonly description: string;
}

/**
 * Log events that a person should look at. One alone may be a hiccup of a dependency; the alarm
 * counts five minutes.
 */
export const loggedEvents: readonly LoggedEvent[] = [
  {
    what: "lost-leases",
    event: "lease.lost",
    description: "Steps were killed because their lease could not be renewed: look at the ledger's database first.",
  },
  {
    what: "closed-intake",
    event: "intake.closed",
    description:
      "A worker takes no steps because something that it needs is down. Its log says what, and so does its /readyz.",
  },
];

function logged(
  name: string,
  { logGroupName }: AlarmSettings,
  { what, event, description }: LoggedEvent,
  alarm: Alarm,
  parent: pulumi.Resource,
): void {
  const metricName = `${name}-${what}`;
  new aws.cloudwatch.LogMetricFilter(
    metricName,
    {
      logGroupName,
      pattern: `{ $.event = "${event}" }`,
      metricTransformation: { namespace: NAMESPACE, name: metricName, value: "1", defaultValue: "0" },
    },
    { parent },
  );
  alarm(what, {
    alarmDescription: description,
    namespace: NAMESPACE,
    metricName,
    statistic: "Sum",
    period: 300,
    evaluationPeriods: 1,
    threshold: 0,
    comparisonOperator: "GreaterThanThreshold",
  });
}
