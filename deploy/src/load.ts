// The load of a fleet as CloudWatch metric math, and what follows from it. Pure: names in, metric
// queries out.
import type { Sizing } from "./settings.ts";

/** Names of what is measured, in CloudWatch's dimensions. */
export interface Measured<Name> {
  readonly clusterName: Name;
  readonly serviceName: Name;
  readonly queueName: Name;
}

/** One metric that an expression refers to by its `id`; a datapoint a minute. */
export interface Source<Name> {
  readonly id: string;
  readonly label: string;
  readonly namespace: string;
  readonly metricName: string;
  readonly stat: "Average" | "Sum";
  readonly dimensions: Readonly<Record<string, Name>>;
}

/**
 * The sources of all expressions. ECS counts tasks only where the cluster has Container Insights
 * enabled.
 */
export function sourcesOf<Name>({ clusterName, serviceName, queueName }: Measured<Name>) {
  const queue = { namespace: "AWS/SQS", dimensions: { QueueName: queueName } };
  const service = {
    namespace: "ECS/ContainerInsights",
    dimensions: { ClusterName: clusterName, ServiceName: serviceName },
  };
  return {
    waiting: average("waiting", "steps that wait", "ApproximateNumberOfMessagesVisible", queue),
    inFlight: average("inflight", "steps that workers hold", "ApproximateNumberOfMessagesNotVisible", queue),
    deleted: { ...average("deleted", "steps that ended", "NumberOfMessagesDeleted", queue), stat: "Sum" },
    running: average("running", "running tasks", "RunningTaskCount", service),
    desired: average("desired", "desired tasks", "DesiredTaskCount", service),
  } as const satisfies Record<string, Source<Name>>;
}

/**
 * Steps that wait or run, per slot. 1 means that every slot is busy and no step waits. Without a
 * running task the steps are divided by one task's slots. A queue that SQS counts as inactive
 * reports nothing and has no load.
 */
export function loadPerSlot({ concurrency }: Pick<Sizing, "concurrency">): string {
  const steps = "(FILL(waiting, 0) + FILL(inflight, 0))";
  return `${steps} / (IF(FILL(running, 0) > 0, running, 1) * ${concurrency})`;
}

/** Tasks that a sleeping service should start with: 0 while it has tasks, or is starting them. */
export function tasksToWake({ concurrency, loadPerSlot: load }: Pick<Sizing, "concurrency" | "loadPerSlot">): string {
  return `IF(FILL(desired, 0) == 0, FILL(waiting, 0) / ${concurrency * load}, 0)`;
}

export interface WakeStep {
  /** Of `tasksToWake`; the lowest value is exclusive for the alarm, since 0 does not wake. */
  readonly from: number;
  /** `null` means that there is no upper end. */
  readonly to: number | null;
  readonly tasks: number;
}

/**
 * How many tasks a sleeping service starts. Doubling steps, because a policy may have 20 of them
 * and a service 5,000 tasks.
 */
export function wakeSteps({ maxTasks }: Pick<Sizing, "maxTasks">): readonly WakeStep[] {
  const steps: WakeStep[] = [];
  for (let from = 0, to = 1; from < maxTasks; from = to, to *= 2) {
    steps.push({ from, to: to >= maxTasks ? null : to, tasks: Math.min(to, maxTasks) });
  }
  return steps;
}

/**
 * Seconds that a step waits for a slot, by Little's law: the number of waiting steps over the
 * number of steps that end in a second. While steps wait and none ends, it is above any threshold.
 * ApproximateAgeOfOldestMessage cannot say this, because it counts a message until it is deleted.
 * On a FIFO queue it is the age of the longest running step.
 */
export function secondsOfWaiting(threshold: number): string {
  const seconds = `IF(FILL(deleted, 0) > 0, 60 * waiting / deleted, ${threshold + 1})`;
  return `IF(FILL(waiting, 0) > 0, ${seconds}, 0)`;
}

function average<Name>(
  id: string,
  label: string,
  metricName: string,
  of: Pick<Source<Name>, "namespace" | "dimensions">,
): Source<Name> {
  return { id, label, metricName, stat: "Average", ...of };
}
