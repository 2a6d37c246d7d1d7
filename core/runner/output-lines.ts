// Which lines of a step's output become observations, and at which level.
import type { Observe } from "../observe.ts";
import { type StepId, stepFields } from "../step/step.ts";
import type { OnLine } from "./output.ts";
import type { StepOutput } from "./port.ts";
import { Severity } from "./severity.ts";

/**
 * Returns what hears the lines of one step of that job, if its process names one. Returns null when
 * none are wanted.
 */
export function outputHearer(
  step: StepId,
  job: string | null,
  { observe, stepOutput = "all" }: { readonly observe: Observe; readonly stepOutput?: StepOutput },
): OnLine | null {
  if (stepOutput === "off") return null;
  const severities = { stdout: new Severity(), stderr: new Severity() };
  const about = { ...stepFields(step), ...(job === null ? {} : { job }) };
  return (stream, message) => {
    const level = severities[stream].of(message);
    if (stepOutput === "errors" && (level === "debug" || level === "info")) return;
    observe({ event: "step.output", level, message, stream, ...about });
  };
}
