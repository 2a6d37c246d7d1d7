// What operators' commands have in common around their ports.
import { describeError, Fault } from "../../core/faults.ts";
import type { DeadLetterQueue, Queue } from "../../core/queue/port.ts";
import type { Runner } from "../../core/runner/port.ts";

/** Rejects with a `Fault` when there is none. */
export async function openDeadLetters(queue: Queue): Promise<DeadLetterQueue> {
  const letters = await queue.deadLetters();
  if (letters !== null) return letters;
  const { url } = await queue.describe();
  throw new Fault("TQ_CONFIG", `the queue ${url} has no dead letter queue`, {
    hint: "Give it a redrive policy, or name its dead letter queue: --dlq-name or --dlq-url.",
  });
}

/**
 * Starts the step host at once, since importing Dagster takes seconds; one that cannot start is an
 * answer like any other.
 */
export function askDagster(runner: Runner, quiet: AbortSignal): Pick<Runner, "look"> {
  const failed = runner.start().then(
    () => null,
    (error: unknown) => describeError(error),
  );
  quiet.addEventListener("abort", () => void runner.stop(), { once: true });
  return {
    look: async (attempts) => {
      const message = await failed;
      if (message === null) return await runner.look(attempts);
      return { kind: "failed", failure: { scope: "host", error: { class: "StepHost", message, traceback: "" } } };
    },
  };
}
