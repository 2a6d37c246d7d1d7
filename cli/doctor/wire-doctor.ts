// Puts together what `taskiq doctor` asks. Asks nothing yet.
import type { Observe } from "../../core/observe.ts";
import { queueText } from "../options/queue-choice.ts";
import type { Env } from "../options/resolve.ts";
import { openQueue } from "../wiring/queue.ts";
import { greet } from "../wiring/step-host.ts";
import type { WorkerConfig } from "../worker/worker-config.ts";

/** The caller closes the queues. */
export interface Patient {
  readonly queues: readonly { readonly name: string; readonly queue: ReturnType<typeof openQueue> }[];
  /**
   * Starts the step host of `taskiq run`, hears what it says, and ends it. Rejects with a `Fault`.
   */
  greet(observe: Observe, withinMs: number): ReturnType<typeof greet>;
}

/**
 * `hearTime` hears the server's time of each answer of SQS. Throws a `Fault` for variables of AWS
 * that make no sense.
 */
export function wireDoctor(config: WorkerConfig, env: Env, hearTime: (serverMs: number) => void): Patient {
  const queues = config.queues.map((taken) => ({
    name: queueText(taken.queue),
    queue: openQueue({ ...config, ...taken }, env, () => undefined, hearTime),
  }));
  return { queues, greet: (observe, withinMs) => greet(config, withinMs, env, observe) };
}
