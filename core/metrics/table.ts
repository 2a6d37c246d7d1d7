// Every metric of a worker: the types of the meter, and the tables of docs/metrics.md, the
// dashboard and the alert rules. Pure.
import { LONG, type MetricEntry, type MetricTable, SHORT } from "./entry.ts";

const steps = {
  "taskiq.step.wait": {
    kind: "histogram",
    unit: "s",
    labels: ["queue"],
    buckets: LONG,
    means: "Time from the sending of a message to its claim. Only first deliveries count.",
    question: "How long do steps wait for a free slot?",
  },
  "taskiq.step.run": {
    kind: "histogram",
    unit: "s",
    labels: ["queue", "outcome", "job"],
    buckets: LONG,
    means: "Time from the start of a step to its recorded end, for the ends that this worker wrote.",
    question: "How long do steps run?",
  },
  "taskiq.steps": {
    kind: "counter",
    unit: "1",
    labels: ["queue", "outcome", "job"],
    means: "Outcomes that this worker recorded in the ledger.",
    question: "How many steps end, and how?",
  },
  "taskiq.step.overhead": {
    kind: "histogram",
    unit: "s",
    labels: ["part"],
    buckets: SHORT,
    means:
      "Time that taskiq adds to a step: `claim` (from receive to claim), `start` (from claim to STEP_START), " +
      "`settle` (from the terminal event to the ledger's row) and `delete` (from there to the deleted message).",
    question: "What does taskiq itself cost?",
  },
  "taskiq.step.faults": {
    kind: "counter",
    unit: "1",
    labels: ["queue", "scope"],
    means: "Starts that failed because of the machinery, not of the step's code. `scope` is the part that failed.",
    question: "Which part of the machinery fails?",
  },
  "taskiq.step.limits": {
    kind: "counter",
    unit: "1",
    labels: ["queue", "limit"],
    means: "Steps that exceeded a limit, so that taskiq ended them.",
    question: "Are limits too tight?",
  },
  "taskiq.step.requeues": {
    kind: "counter",
    unit: "1",
    labels: ["queue"],
    means: "Starts that ended without an outcome. The step is started again.",
    question: "How much work is done twice?",
  },
  "taskiq.step.takeovers": {
    kind: "counter",
    unit: "1",
    labels: ["queue"],
    means: "Claims of a step whose worker let its lease end.",
    question: "Do workers die or freeze?",
  },
  "taskiq.leases.lost": {
    kind: "counter",
    unit: "1",
    labels: ["queue"],
    means: "Leases that this worker could not keep. It kills their steps and records nothing.",
    question: "Is this worker too slow, or its ledger out of reach?",
  },
} as const satisfies MetricTable;

const deliveries = {
  "taskiq.deliveries": {
    kind: "counter",
    unit: "1",
    labels: ["queue", "disposition"],
    means: "Received messages that have met their end: `acked`, `buried`, `released` or `lost`.",
    question: "What becomes of messages?",
  },
  "taskiq.delivery.receives": {
    kind: "histogram",
    unit: "1",
    labels: ["queue"],
    buckets: [1, 2, 3, 5, 10, 20, 50],
    means: "How often SQS had handed out a message when it was deleted.",
    question: "Do messages come back, and how near are they to the dead letter queue?",
  },
  "taskiq.dead_letters": {
    kind: "counter",
    unit: "1",
    labels: ["queue", "reason"],
    means: "Messages that this worker moved to the dead letter queue.",
    question: "What was given up, and why?",
  },
} as const satisfies MetricTable;

const worker = {
  "taskiq.slots": {
    kind: "gauge",
    unit: "1",
    labels: ["state"],
    means: "Slots of this worker that are `busy` with a step, and that are `free`.",
    question: "Are workers busy, or are there too many of them?",
  },
  "taskiq.worker.open": {
    kind: "gauge",
    unit: "1",
    labels: [],
    means: "1 while the worker takes steps, 0 while it is quiet, stops, or has closed its intake.",
    question: "Does the worker take steps?",
  },
  "taskiq.circuit.open": {
    kind: "gauge",
    unit: "1",
    labels: ["cause"],
    means: "1 while a dependency is down, so that the worker receives nothing.",
    question: "Which dependency is down?",
  },
  "taskiq.bugs": {
    kind: "counter",
    unit: "1",
    labels: [],
    means: "Bugs in taskiq that it has caught.",
    question: "Is there something to report?",
  },
} as const satisfies MetricTable;

const dependencies = {
  "messaging.client.operation.duration": {
    kind: "histogram",
    unit: "s",
    labels: ["messaging.operation.name", "messaging.destination.name", "messaging.system", "error.type"],
    buckets: SHORT,
    means: "Time of a request to SQS. Waiting for messages and for company in a batch is part of it.",
    question: "Does SQS answer, and how fast?",
  },
  "taskiq.ledger.operation": {
    kind: "histogram",
    unit: "s",
    labels: ["operation", "error"],
    buckets: SHORT,
    means: "Time of a request to the ledger. `error` is the code of the failure, and empty if there was none.",
    question: "Does the ledger answer, and how fast?",
  },
} as const satisfies MetricTable;

const process = {
  "nodejs.eventloop.utilization": {
    kind: "gauge",
    unit: "1",
    labels: [],
    means: "Share of the time since the last collection in which the worker's event loop was busy.",
    question: "Does the worker's process keep up?",
  },
  "process.memory.usage": {
    kind: "gauge",
    unit: "By",
    labels: [],
    means: "Resident memory of the worker's process, without the step host.",
    question: "Does the worker's process grow?",
  },
} as const satisfies MetricTable;

const table = { ...steps, ...deliveries, ...worker, ...dependencies, ...process };

type Table = typeof table;

type Named<K extends MetricEntry["kind"]> = { [N in keyof Table]: Table[N]["kind"] extends K ? N : never }[keyof Table];

export type CounterName = Named<"counter">;
export type HistogramName = Named<"histogram">;
export type GaugeName = Named<"gauge">;
export type MetricName = keyof Table;

/** One value for each label of the metric. Empty text means that the label does not apply. */
export type LabelsOf<N extends MetricName> = { readonly [L in Table[N]["labels"][number]]: string };

/** The groups of docs/metrics.md, by their headings. */
export const metricGroups: Readonly<Record<string, MetricTable>> = {
  Steps: steps,
  Messages: deliveries,
  "The worker": worker,
  Dependencies: dependencies,
  "The process": process,
};

/** Every metric by its name. */
export const metrics: ReadonlyMap<string, MetricEntry> = new Map(Object.entries(table));
