// What the numbers of a deployment mean for each other, and the errors for those that contradict.
// Pure.

/** Numbers that a user may set; seconds where a name does not say otherwise. */
export interface Sizing {
  /** Steps at once in one task. */
  readonly concurrency: number;
  /**
   * How long ECS waits between SIGTERM and SIGKILL. Fargate allows 2 to 120 (ContainerDefinition,
   * stopTimeout).
   */
  readonly stopTimeoutSeconds: number;
  /** How long a dead worker's steps stay hidden and claimed. */
  readonly visibilityTimeoutSeconds: number;
  /** How often a step is started whose process or worker dies. */
  readonly maxStarts: number;
  /**
   * How often SQS hands a message out before it moves it to the dead letter queue by itself: a
   * backstop, not the budget.
   */
  readonly maxReceiveCount: number;
  readonly minTasks: number;
  readonly maxTasks: number;
  /**
   * Steps that wait or run for each slot, at which the service is kept. With 1, every slot is busy
   * and no step waits. Less keeps slots free for steps to come. More lets steps wait, for fewer
   * tasks.
   */
  readonly loadPerSlot: number;
  /** With Spot: tasks that stay on demand, so that a lack of Spot capacity leaves workers. */
  readonly onDemandTasks: number;
  /** Steps that wait longer for a slot raise an alarm. CloudWatch evaluates a day at most. */
  readonly longestWaitSeconds: number;
}

export const defaultSizing: Sizing = {
  concurrency: 4,
  stopTimeoutSeconds: 120,
  visibilityTimeoutSeconds: 60,
  maxStarts: 3,
  maxReceiveCount: 100,
  minTasks: 1,
  maxTasks: 10,
  loadPerSlot: 1,
  onDemandTasks: 1,
  longestWaitSeconds: 900,
};

/** For killing what is left, giving it back, and writing the last log lines. */
const AFTER_GRACE_SECONDS = 10;

/**
 * How long running steps may go on after SIGTERM, so that the worker is done before ECS kills it.
 */
export function graceSeconds(stopTimeoutSeconds: number): number {
  return stopTimeoutSeconds - AFTER_GRACE_SECONDS;
}

/**
 * Fills in the defaults, and leaves out every other field. Throws one error that names
 * every invalid number, the expectation, and the value.
 */
export function resolveSizing(given: Partial<Sizing>): Sizing {
  const named = Object.entries(defaultSizing).map(([name, value]) => [name, given[name as keyof Sizing] ?? value]);
  const sizing: Sizing = Object.fromEntries(named);
  const problems = [...rangeProblems(sizing), ...pairProblems(sizing)];
  if (problems.length > 0) throw new Error(`taskiq: ${problems.join("; ")}`);
  return sizing;
}

const ranges: Readonly<Record<keyof Sizing, readonly [lowest: number, highest: number]>> = {
  concurrency: [1, 256],
  stopTimeoutSeconds: [AFTER_GRACE_SECONDS, 120],
  visibilityTimeoutSeconds: [10, 43_200],
  maxStarts: [1, 1_000],
  maxReceiveCount: [1, 1_000],
  minTasks: [0, 5_000],
  maxTasks: [1, 5_000],
  loadPerSlot: [0.1, 10_000],
  onDemandTasks: [0, 5_000],
  longestWaitSeconds: [60, 86_400],
};

function rangeProblems(sizing: Sizing): string[] {
  return Object.entries(ranges).flatMap(([name, [lowest, highest]]) => {
    const value = sizing[name as keyof Sizing];
    const whole = Number.isInteger(lowest);
    if ((Number.isInteger(value) || !whole) && value >= lowest && value <= highest) return [];
    return [`${name} must be a ${whole ? "whole number" : "number"} from ${lowest} to ${highest}, got ${value}`];
  });
}

function pairProblems({ minTasks, maxTasks, maxStarts, maxReceiveCount }: Sizing): string[] {
  return [
    ...(minTasks > maxTasks ? [`minTasks must not be above maxTasks (${maxTasks}), got ${minTasks}`] : []),
    // Each deploy that gives a message back costs a receive as well: SQS must not bury what was
    // never tried.
    ...(maxReceiveCount <= 2 * maxStarts
      ? [`maxReceiveCount must be above twice maxStarts (${maxStarts}), got ${maxReceiveCount}`]
      : []),
  ];
}
