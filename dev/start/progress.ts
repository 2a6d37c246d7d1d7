// What happens to the steps, as it happens: a line for each attempt that ends.
import { colourOf } from "./report.ts";
import type { StepEvent } from "./run.ts";
import { say, strong } from "./screen.ts";

/** The end of an attempt, in the ledger's words. */
const outcomes: Readonly<Record<string, string>> = {
  STEP_SUCCESS: "success",
  STEP_FAILURE: "failure",
  STEP_UP_FOR_RETRY: "up_for_retry",
};

export class Progress {
  #firstAt: number | null = null;

  /** Times count from the first event, which is the sending of the first step. */
  show({ type, step, at }: StepEvent): void {
    this.#firstAt ??= at;
    const outcome = outcomes[type];
    if (outcome === undefined) return;
    const time = `${(at - this.#firstAt).toFixed(1)} s`.padStart(9);
    say(`${time}  ${strong(colourOf(outcome), outcome.replaceAll("_", " ").padEnd(12))}  ${step}`);
  }
}
