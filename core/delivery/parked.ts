// The commands that an operator types about a parked step. Its run waits until they decide. Pure.
import { shellWord } from "../formats/shell-word.ts";
import type { StepId } from "../step/step.ts";

/** `queue` is the name or the URL of the queue that the step came from. */
export function parkedAdvice({ runId, stepKey, attempt }: StepId, queue: string): string {
  const flag = /^https?:/.test(queue) ? "--queue-url" : "--queue-name";
  const step = attempt === 0 ? stepKey : `${stepKey} #${attempt}`;
  const which = `${flag} ${shellWord(queue)} --run ${shellWord(runId)} --step ${shellWord(step)}`;
  const typed = (command: string) => `taskiq ${command} ${which} --yes --why "your reason"`;
  return `It is parked: its run waits until you put it back, with ${typed("replay")}, or let it fail, with ${typed("fail")}`;
}
