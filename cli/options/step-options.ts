// The limits of a step, unless its own tags say otherwise.
import { limitRanges } from "../../core/delivery/limits.ts";
import type { Limits } from "../../core/runner/port.ts";
import { setting, type Values } from "./option.ts";
import { duration, size, unlessOff, wholeNumber } from "./values.ts";

const GROUP = "Steps";

export const stepOptions = {
  stepTimeoutMs: setting({
    flag: "--step-timeout",
    env: ["TASKIQ_STEP_TIMEOUT"],
    group: GROUP,
    help: "How long a step may run (tag taskiq/timeout).",
    kind: unlessOff(duration(...limitRanges.timeoutMs)),
    fallback: "off",
  }),
  silenceMs: setting({
    flag: "--silence-timeout",
    env: ["TASKIQ_SILENCE_TIMEOUT"],
    group: GROUP,
    help: "How long a step may go on without a Dagster event and without output (tag taskiq/silence_timeout).",
    kind: unlessOff(duration(...limitRanges.silenceMs)),
    fallback: "off",
  }),
  killGraceMs: setting({
    flag: "--kill-grace",
    env: ["TASKIQ_KILL_GRACE"],
    group: GROUP,
    help: "How long taskiq waits between SIGINT and SIGKILL when it ends a step (tag taskiq/kill_grace).",
    kind: duration(...limitRanges.graceMs),
    fallback: "10s",
  }),
  stepMemoryBytes: setting({
    flag: "--step-memory",
    env: ["TASKIQ_STEP_MEMORY"],
    group: GROUP,
    help: "How much memory each process of a step may allocate, on top of what the imported code takes (tag taskiq/memory).",
    kind: unlessOff(size(...limitRanges.memoryBytes)),
    fallback: "off",
  }),
  stepProcesses: setting({
    flag: "--step-processes",
    env: ["TASKIQ_STEP_PROCESSES"],
    group: GROUP,
    help: "How many processes a step may have below its own (tag taskiq/processes).",
    kind: unlessOff(wholeNumber(...limitRanges.processes)),
    fallback: "off",
  }),
  maxOutputBytes: setting({
    flag: "--max-output",
    env: ["TASKIQ_MAX_OUTPUT"],
    group: GROUP,
    help: "How much a step may write to stdout, and as much to stderr (tag taskiq/max_output).",
    kind: unlessOff(size(...limitRanges.outputBytes)),
    fallback: "1GiB",
  }),
  afterEndMs: setting({
    flag: "--after-end",
    env: ["TASKIQ_AFTER_END"],
    group: GROUP,
    help: "How long hooks, the teardown of resources and exit hooks may take once a step's end is recorded (tag taskiq/after_end).",
    kind: duration(...limitRanges.afterEndMs),
    fallback: "10m",
  }),
};

/** A step's limits, unless its own tags say otherwise. */
export function limitsOf(values: Values<typeof stepOptions>): Limits {
  return {
    timeoutMs: values.stepTimeoutMs,
    silenceMs: values.silenceMs,
    graceMs: values.killGraceMs,
    memoryBytes: values.stepMemoryBytes,
    processes: values.stepProcesses,
    outputBytes: values.maxOutputBytes,
    afterEndMs: values.afterEndMs,
  };
}
