// Reports what a preflight found: warnings in the log, or all findings in one fault when a worker
// must not start.
import { Fault } from "../../core/faults.ts";
import type { Observe } from "../../core/observe.ts";
import { describeFinding, type Finding } from "../../core/preflight/findings.ts";
import { isRefusal } from "../../core/preflight/preflight.ts";

/** Throws a `Fault` (`TQ_CONFIG`) that lists all findings when one of them is a refusal. */
export function requireFitQueues(findings: readonly Finding[], observe: Observe): void {
  if (findings.some(isRefusal)) {
    const lines = findings.map((finding) => `\n${isRefusal(finding) ? "" : "also: "}${describeFinding(finding)}`);
    throw new Fault("TQ_CONFIG", `cannot start on these queues${lines.join("")}`);
  }
  for (const finding of findings) {
    observe({ event: "queue.warning", level: "warn", message: describeFinding(finding), queue: finding.queue });
  }
}
