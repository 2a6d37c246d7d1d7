// Every option of a worker: `taskiq run` has them all, `taskiq drain` and `taskiq dev` share them.
import { dagsterOptions } from "./dagster-options.ts";
import { envelopeKeys } from "./envelope-key.ts";
import { healthHost, healthPort, metricsJobs, readyWithin, statusPage } from "./health-options.ts";
import { ledgerOptions } from "./ledger-options.ts";
import { locationOptions } from "./location-options.ts";
import { logOptions } from "./log-options.ts";
import { onOff, setting } from "./option.ts";
import { queues } from "./queue-choice.ts";
import { queueOptions } from "./queue-options.ts";
import { stepOptions } from "./step-options.ts";
import { choice, duration, text, unlessOff, wholeNumber } from "./values.ts";

const SECONDS = 1_000;
const HOURS = 3_600_000;

const receiveOptions = {
  // 12 hours is the longest visibility timeout and 20 seconds the longest poll that SQS knows.
  leaseMs: setting({
    flag: "--visibility-timeout",
    env: ["TASKIQ_VISIBILITY_TIMEOUT"],
    group: "Queue",
    help: "How long a dead worker's steps stay hidden and claimed. A live worker prolongs both, so steps may take longer.",
    kind: duration(10 * SECONDS, 12 * HOURS),
    fallback: "60s",
  }),
  waitMs: setting({
    flag: "--wait-time",
    env: ["TASKIQ_WAIT_TIME"],
    group: "Queue",
    help: "How long one receive waits for messages.",
    kind: duration(0, 20 * SECONDS),
    fallback: "20s",
  }),
};

const startOptions = {
  concurrency: setting({
    flag: "--concurrency",
    env: ["TASKIQ_WORKER_CONCURRENCY"],
    group: "Worker",
    help: "How many steps run at once.",
    kind: wholeNumber(1, 256),
    fallback: "4",
  }),
  graceMs: setting({
    flag: "--grace",
    env: ["TASKIQ_GRACE"],
    group: "Worker",
    help: "How long running steps may go on after the first SIGTERM or SIGINT. Keep it below the container's stop timeout (30s on ECS).",
    kind: duration(0, 24 * HOURS),
    fallback: "20s",
  }),
  maxStarts: setting({
    flag: "--max-starts",
    env: ["TASKIQ_MAX_STARTS"],
    group: "Worker",
    help: "How often to start a step whose process or worker dies. Steps that fail are retried by Dagster, as their retry policy says.",
    kind: wholeNumber(1, 1_000),
    fallback: "3",
  }),
  onExhausted: setting({
    flag: "--on-exhausted",
    env: ["TASKIQ_ON_EXHAUSTED"],
    group: "Worker",
    help: "What happens to a step that has used up its starts: report ends it in Dagster, park leaves it open for an operator.",
    kind: choice(["report", "park"]),
    fallback: "report",
  }),
  sweepMs: setting({
    flag: "--sweep-interval",
    env: ["TASKIQ_SWEEP_INTERVAL"],
    group: "Worker",
    help: "How often to look in the dead letter queue for steps that SQS itself moved there, and to end them in Dagster. One worker at a time does so.",
    kind: unlessOff(duration(SECONDS, 24 * HOURS)),
    fallback: "60s",
  }),
  taskProtection: onOff({
    flag: "--task-protection",
    env: ["TASKIQ_TASK_PROTECTION"],
    group: "Worker",
    help: "Ask ECS not to stop this task for a scale-in or a deploy while steps run. Needs an ECS service, and ecs:UpdateTaskProtection.",
  }),
  taskProtectionMaxMs: setting({
    flag: "--task-protection-max",
    env: ["TASKIQ_TASK_PROTECTION_MAX"],
    group: "Worker",
    help: "Longest protection without a pause in the work. After it, ECS may stop the task until the task has been idle. A deploy waits no longer than that.",
    kind: duration(60 * SECONDS, 48 * HOURS),
    fallback: "2h",
  }),
  workerId: setting({
    flag: "--worker-id",
    env: ["TASKIQ_WORKER_ID"],
    group: "Worker",
    help: "Name of this worker in logs, in the ledger and in Dagster.",
    kind: text("<id>", "1 to 200 printable characters", /^.{1,200}$/u),
    fallback: {
      shown: "<id of the ECS task, or hostname>:<pid>",
      text: (machine) => `${machine.hostname()}:${machine.pid()}`,
    },
  }),
  stateDir: setting({
    flag: "--state-dir",
    env: ["TASKIQ_STATE_DIR"],
    group: "Worker",
    help: "Directory in which this user's workers leave their address and token for `taskiq quiet --local`. Closed to other users.",
    kind: text("<path>", "an absolute path", /^\//),
    fallback: {
      shown: "<temporary directory>/taskiq-<uid>",
      text: (machine) => `${machine.tmpdir()}/taskiq-${machine.uid() ?? "user"}`,
    },
  }),
};

const importAhead = setting({
  flag: "--import-ahead",
  env: ["TASKIQ_IMPORT_AHEAD"],
  group: "Steps",
  help: "When a step has imported an installed module by itself, import that module once for all later steps, unless a fork would break what it leaves.",
  kind: choice(["on", "off"]),
  fallback: "on",
});

const stepsPerProcess = setting({
  flag: "--steps-per-process",
  env: ["TASKIQ_STEPS_PER_PROCESS"],
  group: "Steps",
  help: "How many steps of a run one process runs, one after the other. Above 1, steps share module globals and os.environ with the steps before them.",
  kind: wholeNumber(1, 1_000),
  fallback: "1",
});

const allowLocalLedger = onOff({
  flag: "--allow-local-ledger",
  env: ["TASKIQ_ALLOW_LOCAL_LEDGER"],
  group: "Ledger",
  help: "Take steps from AWS with the default ledger file, which workers on other machines do not share.",
});

export const workerOptions = {
  ...queueOptions,
  queues,
  envelopeKeys,
  ...receiveOptions,
  ...startOptions,
  ...stepOptions,
  importAhead,
  stepsPerProcess,
  ...dagsterOptions,
  ...locationOptions,
  ...ledgerOptions,
  allowLocalLedger,
  healthPort: healthPort(0),
  healthHost,
  readyWithinMs: readyWithin,
  statusPage,
  metricsJobs,
  ...logOptions,
};

/** Flags of the options that a newcomer meets first: README.md and the short help show them. */
export const FIRST_WORKER_FLAGS: readonly string[] = [
  "--queue-url",
  "--queue-name",
  "--queue",
  "--dlq-url",
  "--concurrency",
  "--visibility-timeout",
  "--grace",
  "--task-protection",
  "--sweep-interval",
  "--max-starts",
  "--step-timeout",
  "--silence-timeout",
  "--step-memory",
  "--step-processes",
  "--max-output",
  "--kill-grace",
  "--health-port",
  "--ledger-url",
  "--dagster-home",
  "--python",
  "--module-name",
  "--python-file",
  "--workspace",
];
