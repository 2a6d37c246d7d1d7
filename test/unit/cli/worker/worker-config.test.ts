// Arguments and environment of `taskiq run`, and the configuration they make.
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import type { QueueChoice } from "../../../../cli/options/queue-choice.ts";
import type { Env } from "../../../../cli/options/resolve.ts";
import type { WorkerConfig } from "../../../../cli/worker/worker-config.ts";
import { defaultLimits } from "../../../../core/delivery/limits.ts";
import { enough, readRun } from "../known-machine.ts";

const { TASKIQ_QUEUE_URL: url = "" } = enough;

const only = (queue: QueueChoice) => ({ queue, deadLetter: null, weight: null, most: null });

const defaults: WorkerConfig = {
  queues: [only({ url })],
  envelopeKeys: [],
  region: null,
  endpointUrl: null,
  localSqs: null,
  leaseMs: 60_000,
  waitMs: 20_000,
  concurrency: 4,
  graceMs: 20_000,
  maxStarts: 3,
  onExhausted: "report",
  sweepMs: 60_000,
  protectMs: null,
  limits: defaultLimits,
  importsAhead: true,
  stepsPerProcess: 1,
  workerId: "worker-1:7",
  namesItself: true,
  stateDir: "/tmp/taskiq-1000",
  ledger: { kind: "sqlite", path: "/dagster/taskiq.sqlite" },
  dagsterHome: "/dagster",
  python: "python3",
  locationArgs: [],
  health: { host: "127.0.0.1", port: 8080, readyWithinMs: 300_000 },
  metricsJobs: [],
  statusPage: "local",
  stepOutput: "all",
  log: { level: "info", format: "auto" },
};

describe("a configuration", () => {
  type Row = readonly [string, readonly string[], Env, Partial<WorkerConfig>];
  const rows: readonly Row[] = [
    ["the least there must be", [], {}, {}],
    ["--concurrency 8", ["--concurrency", "8"], {}, { concurrency: 8 }],
    ["a variable", [], { TASKIQ_WORKER_CONCURRENCY: "8" }, { concurrency: 8 }],
    ["a flag over a variable", ["--concurrency=2"], { TASKIQ_WORKER_CONCURRENCY: "8" }, { concurrency: 2 }],
    ["the last of two flags", ["--concurrency=2", "--concurrency=3"], {}, { concurrency: 3 }],
    ["a sweep every so often", ["--sweep-interval", "5m"], {}, { sweepMs: 300_000 }],
    ["task protection", ["--task-protection"], {}, { protectMs: 7_200_000 }],
    ["task protection and its time", ["--task-protection", "--task-protection-max=30m"], {}, { protectMs: 1_800_000 }],
    ["a longest time of protection alone, which asks for none", ["--task-protection-max", "30m"], {}, {}],
    ["several steps in a process", ["--steps-per-process", "50"], {}, { stepsPerProcess: 50 }],
    ["nothing imported ahead", ["--import-ahead", "off"], {}, { importsAhead: false }],
    ["no sweep", [], { TASKIQ_SWEEP_INTERVAL: "OFF" }, { sweepMs: null }],
    ["leading zeros", ["--concurrency", "007"], {}, { concurrency: 7 }],
    [
      "empty variables, which count as unset",
      [],
      { TASKIQ_WORKER_CONCURRENCY: "", TASKIQ_QUEUE_NAME: "", AWS_REGION: "" },
      {},
    ],
    [
      "values at their bounds",
      ["--concurrency=256", "--visibility-timeout=12h", "--wait-time=0"],
      {},
      { concurrency: 256, leaseMs: 43_200_000, waitMs: 0 },
    ],
    [
      "durations in plain seconds",
      [],
      { TASKIQ_VISIBILITY_TIMEOUT: "90", TASKIQ_GRACE: "25" },
      { leaseMs: 90_000, graceMs: 25_000 },
    ],
    [
      "a region from the first variable",
      [],
      { AWS_REGION: "eu-west-1", AWS_DEFAULT_REGION: "us-east-1" },
      { region: "eu-west-1" },
    ],
    [
      "a region from the second variable",
      [],
      { AWS_REGION: "", AWS_DEFAULT_REGION: "us-east-1" },
      { region: "us-east-1" },
    ],
    [
      "an endpoint",
      [],
      { AWS_ENDPOINT_URL: "http://a", AWS_ENDPOINT_URL_SQS: "http://b" },
      { endpointUrl: "http://b" },
    ],
    [
      "dead letters by name",
      ["--dlq-name", "steps-dlq.fifo"],
      {},
      { queues: [{ ...only({ url }), deadLetter: { name: "steps-dlq.fifo" } }] },
    ],
    [
      "dead letters by URL",
      [],
      { TASKIQ_DLQ_URL: "http://h/dlq" },
      { queues: [{ ...only({ url }), deadLetter: { url: "http://h/dlq" } }] },
    ],
    [
      "a queue by name over a URL in the environment",
      ["--queue-name=q", "--ledger-url=sqlite:/l"],
      {},
      { queues: [only({ name: "q" })], ledger: { kind: "sqlite", path: "/l" } },
    ],
    [
      "several queues over a URL in the environment",
      [
        "--queue=high",
        "--queue",
        "default.fifo:3",
        "--queue",
        "http://h:4566/1/bulk:1:max=2",
        "--queue=low:max=8",
        "--endpoint-url=http://h:4566",
      ],
      {},
      {
        queues: [
          only({ name: "high" }),
          { ...only({ name: "default.fifo" }), weight: 3 },
          { ...only({ url: "http://h:4566/1/bulk" }), weight: 1, most: 2 },
          { ...only({ name: "low" }), most: 8 },
        ],
        endpointUrl: "http://h:4566",
      },
    ],
    [
      "several queues in the environment",
      [],
      { TASKIQ_QUEUES: "high,http://h/1/bulk:3", TASKIQ_QUEUE_URL: "", AWS_ENDPOINT_URL: "http://h" },
      {
        queues: [only({ name: "high" }), { ...only({ url: "http://h/1/bulk" }), weight: 3 }],
        endpointUrl: "http://h",
      },
    ],
    [
      "the server of taskiq dev, which needs no shared ledger whatever the queue's URL",
      [],
      { TASKIQ_LOCAL_SQS: "http://127.0.0.1:9324", TASKIQ_QUEUE_URL: "https://sqs.eu-west-1.amazonaws.com/1/q" },
      {
        queues: [only({ url: "https://sqs.eu-west-1.amazonaws.com/1/q" })],
        localSqs: "http://127.0.0.1:9324",
      },
    ],
    ["a ledger", ["--ledger-url", "sqlite:/data/l.sqlite"], {}, { ledger: { kind: "sqlite", path: "/data/l.sqlite" } }],
    [
      "a policy for exhausted steps",
      ["--on-exhausted=PARK", "--max-starts=1"],
      {},
      { onExhausted: "park", maxStarts: 1 },
    ],
    [
      "a worker id and a Python",
      ["--worker-id", "007", "--python", "/opt/venv/bin/python"],
      {},
      { workerId: "007", namesItself: false, python: "/opt/venv/bin/python" },
    ],
    [
      "limits",
      ["--step-timeout=15m", "--silence-timeout=90", "--step-memory=1.5GiB", "--step-processes=50"],
      { TASKIQ_KILL_GRACE: "0", TASKIQ_MAX_OUTPUT: "100MB", TASKIQ_AFTER_END: "1h" },
      {
        limits: {
          timeoutMs: 900_000,
          silenceMs: 90_000,
          graceMs: 0,
          memoryBytes: 1_610_612_736,
          processes: 50,
          outputBytes: 100_000_000,
          afterEndMs: 3_600_000,
        },
      },
    ],
    [
      "a health address",
      ["--health-port=0"],
      { TASKIQ_WORKER_HEALTH_HOST: "0.0.0.0" },
      { health: { host: "0.0.0.0", port: 0, readyWithinMs: 300_000 } },
    ],
    [
      "no limit of readiness",
      ["--ready-within=off"],
      {},
      { health: { host: "127.0.0.1", port: 8080, readyWithinMs: null } },
    ],
    [
      "a log format and a level",
      ["--log-format=json"],
      { LOG_LEVEL: "DEBUG" },
      { log: { level: "debug", format: "json" } },
    ],
    ...(
      [
        ["WARNING", "warn"],
        ["CRITICAL", "error"],
        ["trace", "debug"],
        ["20", "info"],
      ] as const
    ).map(
      ([given, level]): Row => [`log level ${given}`, [], { LOG_LEVEL: given }, { log: { level, format: "auto" } }],
    ),
    ["modules", ["-m", "a.b", "-mc"], {}, { locationArgs: ["--module-name", "a.b", "--module-name", "c"] }],
    [
      "modules from Dagster's variable",
      [],
      { DAGSTER_MODULE_NAME: "a b" },
      { locationArgs: ["--module-name", "a", "--module-name", "b"] },
    ],
    [
      "files from Dagster's variable",
      [],
      { DAGSTER_PYTHON_FILE: "a.py:b.py" },
      { locationArgs: ["--python-file", "a.py", "--python-file", "b.py"] },
    ],
    [
      "a file, a directory and an attribute",
      ["-f", "x y.py", "-d", "src", "-a", "defs"],
      {},
      { locationArgs: ["--python-file", "x y.py", "--working-directory", "src", "--attribute", "defs"] },
    ],
    ["a package", ["--package-name", "p"], {}, { locationArgs: ["--package-name", "p"] }],
    [
      "workspaces",
      ["-w", "a.yaml", "-w", "b.yaml"],
      {},
      { locationArgs: ["--workspace", "a.yaml", "--workspace", "b.yaml"] },
    ],
    [
      "one kind of location over another in the environment",
      ["-f", "a.py"],
      { DAGSTER_MODULE_NAME: "m" },
      { locationArgs: ["--python-file", "a.py"] },
    ],
  ];
  for (const [name, argv, env, expected] of rows) {
    test(`a configuration is read with ${name}`, () => {
      const { config, problems } = readRun(argv, { ...enough, ...env });
      assert.deepEqual(problems, []);
      assert.deepEqual(config, { ...defaults, ...expected });
    });
  }
});
