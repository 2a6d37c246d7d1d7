// The text of a found failure: the rule, the seed, how to see it again, and what led to it.

import { counted } from "../../core/formats/counted.ts";
import { rules } from "./referee.ts";
import type { Shrunk } from "./shrink.ts";
import { renderLine, type TraceLine } from "./trace.ts";

const MOST_LINES = 200;

export function storyOf({ report, selection, tries }: Shrunk): string {
  const { seed, violation, scenario, trace, struck } = report;
  if (violation === null) throw new Error("no rule is broken, so there is no story");
  const lines = relevant(trace, violation.about);
  const { fifo, workers, concurrency, leaseMs, policy } = scenario;
  const omitted = lines.length > MOST_LINES ? [`  … ${lines.length - MOST_LINES} lines before these`] : [];
  return [
    `seed ${seed}: ${violation.rule}: ${violation.about}: ${violation.detail}`,
    `the rule: ${rules[violation.rule]}`,
    `again: npm run simulate -- --deliveries 1 --seed ${seed}`,
    `shrunk in ${tries} tries to ${counted(workers, "worker")} with ${counted(concurrency, "slot")}, ${fifo ? "FIFO" : "standard"} queue, lease ${leaseMs / 1000} s, ${counted(policy.maxStarts, "start")}, ${policy.onExhausted}`,
    `runs and messages: ${[...(selection.work ?? ["all"])].join(", ")}`,
    `faults: ${struck.length === 0 ? "none" : struck.join("; ")}`,
    "",
    ...omitted,
    ...lines.slice(-MOST_LINES).map(renderLine),
  ].join("\n");
}

/** What was said of the step, its run, and of the workers and processes that had to do with it. */
function relevant(trace: readonly TraceLine[], about: string): readonly TraceLine[] {
  const [subject = ""] = about.split("/");
  const [run = ""] = subject.split(":");
  const concerns = (line: TraceLine) =>
    line.about.startsWith(`${subject}:`) ||
    [subject, run].includes(line.about) ||
    line.about.startsWith(`${subject}/`) ||
    line.what.includes(subject);
  const actors = new Set(trace.filter(concerns).map(({ who }) => who));
  const isIncident = ({ who, about: other }: TraceLine) => who === "world" || (other === "" && actors.has(who));
  return trace.filter((line) => concerns(line) || isIncident(line));
}
