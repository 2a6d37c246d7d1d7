// How many tasks there are: by the messages that wait for each slot.
import * as aws from "@pulumi/aws";
import * as pulumi from "@pulumi/pulumi";
import type { Sizing } from "./settings.ts";

export interface AutoscalingSettings {
  readonly clusterName: pulumi.Input<string>;
  readonly serviceName: pulumi.Input<string>;
  readonly queueName: pulumi.Input<string>;
  readonly sizing: Sizing;
}

/** Seconds. More workers help at once; fewer save money, and each stop gives steps back. */
const SCALE_OUT_COOLDOWN = 60;
const SCALE_IN_COOLDOWN = 300;

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
  new aws.appautoscaling.Policy(
    name,
    {
      policyType: "TargetTrackingScaling",
      serviceNamespace: target.serviceNamespace,
      scalableDimension: target.scalableDimension,
      resourceId: target.resourceId,
      targetTrackingScalingPolicyConfiguration: {
        targetValue: sizing.backlogPerSlot,
        scaleOutCooldown: SCALE_OUT_COOLDOWN,
        scaleInCooldown: SCALE_IN_COOLDOWN,
        customizedMetricSpecification: { metrics: backlogPerSlot(settings) },
      },
    },
    { parent },
  );
}

/**
 * Messages that wait, by the slots that could take them: metric math, no metric of our own (Application Auto Scaling guide, "Create a
 * target tracking scaling policy using metric math"). Without a task the division is by one task's slots, so that a queue can wake a
 * service that sleeps.
 */
function backlogPerSlot({ clusterName, serviceName, queueName, sizing }: AutoscalingSettings) {
  return [
    {
      id: "waiting",
      label: "messages that wait",
      returnData: false,
      metricStat: {
        stat: "Average",
        metric: {
          namespace: "AWS/SQS",
          metricName: "ApproximateNumberOfMessagesVisible",
          dimensions: [{ name: "QueueName", value: queueName }],
        },
      },
    },
    {
      id: "tasks",
      label: "running tasks",
      returnData: false,
      metricStat: {
        stat: "Average",
        metric: {
          namespace: "ECS/ContainerInsights",
          metricName: "RunningTaskCount",
          dimensions: [
            { name: "ClusterName", value: clusterName },
            { name: "ServiceName", value: serviceName },
          ],
        },
      },
    },
    {
      id: "backlog",
      label: "messages that wait for each slot",
      returnData: true,
      expression: `waiting / (IF(FILL(tasks, 0) > 0, tasks, 1) * ${sizing.concurrency})`,
    },
  ];
}
