// How many tasks there are: by the steps that wait or run, per slot.
import * as aws from "@pulumi/aws";
import * as pulumi from "@pulumi/pulumi";
import { loadPerSlot, type Measured, type Source, sourcesOf, tasksToWake, wakeSteps } from "./load.ts";
import type { Sizing } from "./settings.ts";

export interface AutoscalingSettings extends Measured<pulumi.Input<string>> {
  readonly sizing: Sizing;
  readonly tags: Readonly<Record<string, string>>;
}

/**
 * Seconds. More workers help at once; fewer save money, and a task that stops gives its steps back.
 */
export const SCALE_OUT_COOLDOWN = 60;
export const SCALE_IN_COOLDOWN = 300;

export function createAutoscaling(name: string, settings: AutoscalingSettings, parent: pulumi.Resource): void {
  const { sizing } = settings;
  const target = new aws.appautoscaling.Target(
    name,
    {
      serviceNamespace: "ecs",
      scalableDimension: "ecs:service:DesiredCount",
      resourceId: pulumi.interpolate`service/${settings.clusterName}/${settings.serviceName}`,
      minCapacity: sizing.minTasks,
      maxCapacity: sizing.maxTasks,
    },
    { parent },
  );
  followLoad(name, settings, target, parent);
  if (sizing.minTasks === 0) wakeFromZero(name, settings, target, parent);
}

/**
 * Metric math, without a metric of our own (Application Auto Scaling guide, "target tracking
 * scaling policy using metric math").
 */
function followLoad(
  name: string,
  settings: AutoscalingSettings,
  target: aws.appautoscaling.Target,
  parent: pulumi.Resource,
): void {
  const { waiting, inFlight, running } = sourcesOf(settings);
  const load = { id: "load", label: "steps that wait or run, per slot", expression: loadPerSlot(settings.sizing) };
  new aws.appautoscaling.Policy(
    name,
    {
      policyType: "TargetTrackingScaling",
      ...scaled(target),
      targetTrackingScalingPolicyConfiguration: {
        targetValue: settings.sizing.loadPerSlot,
        scaleOutCooldown: SCALE_OUT_COOLDOWN,
        scaleInCooldown: SCALE_IN_COOLDOWN,
        customizedMetricSpecification: {
          metrics: [...[waiting, inFlight, running].map(tracked), { ...load, returnData: true }],
        },
      },
    },
    { parent },
  );
}

/** Target tracking multiplies the tasks that there are, and so never starts the first one. */
function wakeFromZero(
  name: string,
  settings: AutoscalingSettings,
  target: aws.appautoscaling.Target,
  parent: pulumi.Resource,
): void {
  const { waiting, desired } = sourcesOf(settings);
  const wake = new aws.appautoscaling.Policy(
    `${name}-wake`,
    {
      policyType: "StepScaling",
      ...scaled(target),
      stepScalingPolicyConfiguration: {
        adjustmentType: "ExactCapacity",
        cooldown: SCALE_OUT_COOLDOWN,
        metricAggregationType: "Average",
        stepAdjustments: wakeSteps(settings.sizing).map(({ from, to, tasks }) => ({
          metricIntervalLowerBound: String(from),
          ...(to === null ? {} : { metricIntervalUpperBound: String(to) }),
          scalingAdjustment: tasks,
        })),
      },
    },
    { parent },
  );
  new aws.cloudwatch.MetricAlarm(
    `${name}-wake`,
    {
      name: `${name}-wake`,
      alarmDescription: "Steps wait and no task runs. Starts tasks; nobody needs to act.",
      metricQueries: [
        ...[waiting, desired].map(queried),
        { id: "tasks", label: "tasks to start", expression: tasksToWake(settings.sizing), returnData: true },
      ],
      evaluationPeriods: 1,
      threshold: 0,
      comparisonOperator: "GreaterThanThreshold",
      treatMissingData: "notBreaching",
      alarmActions: [wake.arn],
      tags: { ...settings.tags },
    },
    { parent },
  );
}

function scaled({ serviceNamespace, scalableDimension, resourceId }: aws.appautoscaling.Target) {
  return { serviceNamespace, scalableDimension, resourceId };
}

/** A source as a target tracking policy takes it. */
function tracked({ id, label, namespace, metricName, stat, dimensions }: Source<pulumi.Input<string>>) {
  const pairs = Object.entries(dimensions).map(([name, value]) => ({ name, value }));
  return { id, label, returnData: false, metricStat: { stat, metric: { namespace, metricName, dimensions: pairs } } };
}

/** A source as an alarm takes it. */
export function queried({ id, label, namespace, metricName, stat, dimensions }: Source<pulumi.Input<string>>) {
  const metric = { namespace, metricName, dimensions: { ...dimensions }, stat, period: 60 };
  return { id, label, returnData: false, metric };
}
