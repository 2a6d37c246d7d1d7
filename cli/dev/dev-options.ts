// Every option of `taskiq dev`: its own, and those of `taskiq run` that make sense with a queue on
// this machine.
import { dagsterHome } from "../options/dagster-options.ts";
import { envelopeKeys } from "../options/envelope-key.ts";
import { locationOptions } from "../options/location-options.ts";
import { onOff, optional, setting } from "../options/option.ts";
import { queues } from "../options/queue-choice.ts";
import { stepOptions } from "../options/step-options.ts";
import { queueName, wholeNumber } from "../options/values.ts";
import { workerOptions } from "../options/worker-options.ts";

const GROUP = "Development";

/** Options that the worker has in common with `taskiq run`. */
export const sharedOptions = {
  ...locationOptions,
  python: workerOptions.python,
  concurrency: workerOptions.concurrency,
  graceMs: workerOptions.graceMs,
  maxStarts: workerOptions.maxStarts,
  onExhausted: workerOptions.onExhausted,
  leaseMs: workerOptions.leaseMs,
  // A look costs nothing here, and a developer should soon see a message that SQS moved to the dead
  // letter queue.
  sweepMs: { ...workerOptions.sweepMs, fallback: "5s" },
  ...stepOptions,
  importAhead: workerOptions.importAhead,
  stepsPerProcess: workerOptions.stepsPerProcess,
  envelopeKeys,
  logLevel: workerOptions.logLevel,
};

export const devOptions = {
  noUi: onOff({
    flag: "--no-ui",
    env: ["TASKIQ_DEV_NO_UI"],
    group: GROUP,
    help: "Start neither Dagster's web UI nor its daemon.",
  }),
  port: optional({
    flag: "--port",
    short: "-p",
    env: ["TASKIQ_DEV_PORT"],
    group: GROUP,
    help: "Port of the UI, on 127.0.0.1.",
    absent: "3000, or a free one if another program has that",
    kind: wholeNumber(1, 65_535),
  }),
  dagsterHome: optional({
    ...dagsterHome,
    help: "Directory of dagster.yaml, runs and ledger. It is made when it does not exist, and stays.",
    absent: ".taskiq in the working directory",
  }),
  queueName: setting({
    flag: "--queue-name",
    env: ["TASKIQ_QUEUE_NAME"],
    group: "Queue",
    help: "Name of the queue that is made here. Your executor's setting queue_name, or the end of its queue_url, must be the same.",
    kind: queueName,
    fallback: "steps.fifo",
  }),
  queues: {
    ...queues,
    help: "One of several queues that are made here, instead of --queue-name; weights and limits as in taskiq run.",
  },
  ...sharedOptions,
};

/** Flags of the options that the short help shows. */
export const FIRST_FLAGS: readonly string[] = [
  "--no-ui",
  "--port",
  "--dagster-home",
  "--queue-name",
  "--queue",
  "--module-name",
  "--python-file",
  "--workspace",
  "--working-directory",
  "--python",
  "--concurrency",
  "--grace",
];
