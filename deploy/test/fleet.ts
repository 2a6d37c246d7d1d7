// A model of an ECS service that Application Auto Scaling scales by this package's own expressions.
// Ticks of five seconds.
//
// Target tracking works as AWS documents it. An alarm goes off above the target after three
// datapoints, another below nine tenths of it after fifteen. The desired count is in proportion to
// the metric, rounded up. Metrics are a minute old when an alarm reads them.
import { SCALE_IN_COOLDOWN, SCALE_OUT_COOLDOWN } from "../src/autoscaling.ts";
import { loadPerSlot, tasksToWake, wakeSteps } from "../src/load.ts";
import type { Sizing } from "../src/settings.ts";

const TICK = 5;
/**
 * From a higher desired count to a task that takes steps: a network interface, the image, Dagster's
 * import.
 */
const START_SECONDS = 75;

export interface Arrival {
  readonly atSeconds: number;
  readonly runSeconds: number;
}

export interface Ran {
  /** Seconds from arrival to start, in order of start. */
  readonly waits: readonly number[];
  /** Steps that a scale-in stopped, which then started again. */
  readonly restarted: number;
  readonly taskSeconds: number;
  /** Desired count, a value a minute. */
  readonly desired: readonly number[];
  /** Steps that ran, a value a minute. */
  readonly busy: readonly number[];
  readonly finishedAtSeconds: number;
}

interface Task {
  readonly startsAt: number;
  steps: { readonly arrival: Arrival; readonly endsAt: number }[];
}

interface Datapoint {
  readonly waiting: number;
  readonly inflight: number;
  readonly running: number;
  readonly desired: number;
}

/** CloudWatch's functions have the names and the order of arguments that JavaScript can call. */
export function evaluate(expression: string, point: object): number {
  const names = ["IF", "FILL", ...Object.keys(point)];
  const functions = [
    (holds: boolean, yes: number, no: number) => (holds ? yes : no),
    (value: number, missing: number) => (Number.isNaN(value) ? missing : value),
  ];
  return new Function(...names, `return ${expression}`)(...functions, ...Object.values(point));
}

export function runFleet(
  sizing: Sizing,
  arrivals: readonly Arrival[],
  options: { readonly seconds: number; readonly taskProtection?: boolean },
): Ran {
  const fleet = new Fleet(sizing, arrivals, options.taskProtection ?? true);
  for (let now = 0; now < options.seconds; now += TICK) fleet.tick(now);
  return fleet;
}

class Fleet implements Ran {
  readonly waits: number[] = [];
  readonly desired: number[] = [];
  readonly busy: number[] = [];
  restarted = 0;
  taskSeconds = 0;
  finishedAtSeconds = 0;
  readonly #sizing: Sizing;
  readonly #taskProtection: boolean;
  readonly #coming: Arrival[];
  readonly #waiting: Arrival[] = [];
  #tasks: Task[];
  #wanted: number;
  readonly #points: Datapoint[] = [];
  #lastOut = Number.NEGATIVE_INFINITY;
  #lastIn = Number.NEGATIVE_INFINITY;

  constructor(sizing: Sizing, arrivals: readonly Arrival[], taskProtection: boolean) {
    this.#sizing = sizing;
    this.#taskProtection = taskProtection;
    this.#coming = [...arrivals].sort((a, b) => a.atSeconds - b.atSeconds);
    this.#wanted = sizing.minTasks;
    this.#tasks = Array.from({ length: sizing.minTasks }, () => ({ startsAt: 0, steps: [] }));
  }

  tick(now: number): void {
    while (this.#coming[0] !== undefined && this.#coming[0].atSeconds <= now) {
      this.#waiting.push(this.#coming.shift() as Arrival);
    }
    this.#work(now);
    this.taskSeconds += this.#tasks.length * TICK;
    if (now % 60 !== 0) return;
    this.#scale(now);
    this.#points.push(this.#measure(now));
    this.#resize(now);
    this.desired.push(this.#wanted);
    this.busy.push(this.#inFlight);
  }

  #work(now: number): void {
    for (const task of this.#tasks) {
      const ended = task.steps.filter(({ endsAt }) => endsAt <= now);
      if (ended.length > 0) this.finishedAtSeconds = now;
      task.steps = task.steps.filter((step) => !ended.includes(step));
      while (task.startsAt <= now && task.steps.length < this.#sizing.concurrency && this.#waiting[0] !== undefined) {
        const arrival = this.#waiting.shift() as Arrival;
        this.waits.push(now - arrival.atSeconds);
        task.steps.push({ arrival, endsAt: now + arrival.runSeconds });
      }
    }
  }

  get #inFlight(): number {
    return this.#tasks.reduce((sum, { steps }) => sum + steps.length, 0);
  }

  #measure(now: number): Datapoint {
    const running = this.#tasks.filter(({ startsAt }) => startsAt <= now).length;
    return { waiting: this.#waiting.length, inflight: this.#inFlight, running, desired: this.#wanted };
  }

  #scale(now: number): void {
    const { loadPerSlot: target, minTasks, maxTasks } = this.#sizing;
    const load = this.#points.map((point) => evaluate(loadPerSlot(this.#sizing), point));
    const proportional = Math.ceil((this.#wanted * (load.at(-1) ?? 0)) / target - 1e-9);
    const within = (tasks: number) => Math.min(maxTasks, Math.max(minTasks, tasks));
    if (holds(load, 3, (value) => value > target) && now - this.#lastOut >= SCALE_OUT_COOLDOWN) {
      this.#grow(within(proportional), now);
    } else if (holds(load, 15, (value) => value < 0.9 * target) && now - this.#lastIn >= SCALE_IN_COOLDOWN) {
      if (within(proportional) < this.#wanted) this.#lastIn = now;
      this.#wanted = Math.min(this.#wanted, within(proportional));
    }
    const last = this.#points.at(-1);
    if (minTasks === 0 && last !== undefined) this.#wake(evaluate(tasksToWake(this.#sizing), last), now);
  }

  #wake(tasks: number, now: number): void {
    if (tasks <= 0 || now - this.#lastOut < SCALE_OUT_COOLDOWN) return;
    const step = wakeSteps(this.#sizing).find(({ from, to }) => tasks >= from && (to === null || tasks < to));
    this.#grow(step?.tasks ?? 0, now);
  }

  #grow(tasks: number, now: number): void {
    if (tasks <= this.#wanted) return;
    this.#wanted = tasks;
    this.#lastOut = now;
  }

  /**
   * ECS stops tasks that are not protected; a protected one that is too many runs on until it is
   * idle.
   */
  #resize(now: number): void {
    while (this.#tasks.length < this.#wanted) this.#tasks.push({ startsAt: now + START_SECONDS, steps: [] });
    for (const task of [...this.#tasks].reverse()) {
      if (this.#tasks.length <= this.#wanted) return;
      if (this.#taskProtection && task.steps.length > 0) continue;
      this.restarted += task.steps.length;
      this.#waiting.unshift(...task.steps.map(({ arrival }) => arrival));
      this.#tasks = this.#tasks.filter((other) => other !== task);
    }
  }
}

function holds(values: readonly number[], count: number, test: (value: number) => boolean): boolean {
  return values.length >= count && values.slice(-count).every(test);
}
