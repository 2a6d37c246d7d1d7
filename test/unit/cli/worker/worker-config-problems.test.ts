// What is wrong with arguments and environment of `taskiq run`, word for word.
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import type { Env } from "../../../../cli/options/resolve.ts";
import { enough, readRun } from "../known-machine.ts";

const home = { DAGSTER_HOME: "/dagster" };

describe("what is wrong with one value", () => {
  const cli = "from the command line";
  const rows: readonly [readonly string[], Env, string][] = [
    [
      [],
      { TASKIQ_WORKER_CONCURRENCY: "abc" },
      '--concurrency must be a whole number from 1 to 256, got "abc" (from TASKIQ_WORKER_CONCURRENCY)',
    ],
    [["--concurrency=0"], {}, `--concurrency must be a whole number from 1 to 256, got "0" (${cli})`],
    [["--concurrency=257"], {}, `--concurrency must be a whole number from 1 to 256, got "257" (${cli})`],
    [["--steps-per-process=0"], {}, `--steps-per-process must be a whole number from 1 to 1000, got "0" (${cli})`],
    [
      ["--steps-per-process=1001"],
      {},
      `--steps-per-process must be a whole number from 1 to 1000, got "1001" (${cli})`,
    ],
    [["--concurrency=1e2"], {}, `--concurrency must be a whole number from 1 to 256, got "1e2" (${cli})`],
    [["--concurrency="], {}, `--concurrency must be a whole number from 1 to 256, got "" (${cli})`],
    [
      ["--visibility-timeout=9s"],
      {},
      `--visibility-timeout must be a duration from 10s to 12h (a plain number is in seconds), got "9s" (${cli})`,
    ],
    [
      ["--wait-time=21"],
      {},
      `--wait-time must be a duration from 0s to 20s (a plain number is in seconds), got "21" (${cli})`,
    ],
    [
      ["--grace=soon"],
      {},
      `--grace must be a duration from 0s to 24h (a plain number is in seconds), got "soon" (${cli})`,
    ],
    [["--max-starts=0"], {}, `--max-starts must be a whole number from 1 to 1000, got "0" (${cli})`],
    [["--on-exhausted=drop"], {}, `--on-exhausted must be one of report, park, got "drop" (${cli})`],
    [["--log-level=loud"], {}, `--log-level must be one of debug, info, warn, error, got "loud" (${cli})`],
    [["--health-port=65536"], {}, `--health-port must be a whole number from 0 to 65535, got "65536" (${cli})`],
    [["--queue-url=steps"], {}, `--queue-url must be an http:// or https:// URL, got "steps" (${cli})`],
    ...[
      "http://sqs.internal:9324",
      "https://127.0.0.1:9324",
      "http://127.0.0.1.example:9324",
      "http://127.0.0.1:1/x",
    ].map((given): [readonly string[], Env, string] => [
      [`--local-sqs=${given}`],
      {},
      `--local-sqs must be an http:// URL of this machine, such as http://127.0.0.1:9324, got "${given}" (${cli})`,
    ]),
    [
      ["--dlq-name=a/b"],
      {},
      `--dlq-name must be 1 to 80 letters, digits, - and _, with .fifo at the end for a FIFO queue, got "a/b" (${cli})`,
    ],
    [["--worker-id=a\u001b[2J"], {}, `--worker-id must be 1 to 200 printable characters, got "a\\u001b[2J" (${cli})`],
    [["-m", "a/b.py"], {}, `--module-name must be a dotted Python name, got "a/b.py" (${cli})`],
    [["--allow-local-ledger=maybe"], {}, `--allow-local-ledger must be true or false, got "maybe" (${cli})`],
    [["--region", "Ireland!"], {}, `--region must be an AWS region such as eu-central-1, got "Ireland!" (${cli})`],
    [
      [],
      { TASKIQ_LEDGER_URL: "postgres://u:p@ss@db/x" },
      '--ledger-url must be dagster, sqlite:<path of a file> or postgres://<user>@<host>:<port>/<database>, got "postgres://***@db/x" (from TASKIQ_LEDGER_URL)',
    ],
    [
      ["--ledger-url=sqlite:///x"],
      {},
      `--ledger-url must be dagster, sqlite:<path of a file> or postgres://<user>@<host>:<port>/<database>, got "sqlite:///x" (${cli})`,
    ],
    [
      ["--ledger-url=sqlite::memory:"],
      {},
      `--ledger-url must be dagster, sqlite:<path of a file> or postgres://<user>@<host>:<port>/<database>, got "sqlite::memory:" (${cli})`,
    ],
    ...["", "a:0", "a:101", "a:max=0", "a:max=257", "a:3:2", "a:max=2:3", "a b", "http://h:3", "ftp://h/q"].map(
      (queue): [readonly string[], Env, string] => [
        [`--queue=${queue}`],
        {},
        `--queue must be <name or URL>, <name or URL>:<weight> or either with :max=<n> at its end (weight 1 to 100, max 1 to 256), got "${queue}" (${cli})`,
      ],
    ),
    [["--dagster-home=home"], {}, `--dagster-home must be an absolute path, got "home" (${cli})`],
    [
      [],
      { DAGSTER_HOME: "/nowhere" },
      '--dagster-home must be an existing directory, got "/nowhere" (from DAGSTER_HOME)',
    ],
    [[], { DAGSTER_HOME: "" }, "--dagster-home is required (env: DAGSTER_HOME): directory of dagster.yaml"],
  ];
  for (const [argv, env, problem] of rows) {
    test(`a configuration is refused: ${problem}`, () =>
      assert.deepEqual(readRun(argv, { ...enough, ...env }).problems, [problem]));
  }
});

describe("rules between options", () => {
  const noQueue =
    "--queue-url, --queue-name or --queue is required (env: TASKIQ_QUEUE_URL, TASKIQ_QUEUE_NAME, TASKIQ_QUEUES): where steps come from";
  const localLedger =
    "--ledger-url is required with a queue on AWS (env: TASKIQ_LEDGER_URL): the default, a file, is not shared with workers on other machines; --allow-local-ledger says that there are none";
  const aws = "https://sqs.eu-west-1.amazonaws.com/123456789012/steps.fifo";
  const rows: readonly [string, readonly string[], Env, readonly string[]][] = [
    ["no queue", [], home, [noQueue]],
    ["AWS by name over a URL in the environment", ["--queue-name", "q"], enough, [localLedger]],
    [
      "two queues on one side",
      [],
      { ...enough, TASKIQ_QUEUE_NAME: "q" },
      ["only one of these can be given: --queue-url (from TASKIQ_QUEUE_URL), --queue-name (from TASKIQ_QUEUE_NAME)"],
    ],
    [
      "two dead letter queues",
      ["--dlq-url=http://h/q", "--dlq-name=q"],
      enough,
      ["only one of these can be given: --dlq-url (from the command line), --dlq-name (from the command line)"],
    ],
    [
      "one queue and several",
      ["--queue-name=q", "--queue=high"],
      home,
      ["only one of these can be given: --queue-name (from the command line), --queue (from the command line)"],
    ],
    [
      "several queues and one dead letter queue",
      ["--queue=high:1", "--queue=low:2", "--dlq-name=dead", "--endpoint-url=http://h"],
      home,
      [
        "--dlq-name (from the command line) needs --queue-url or --queue-name: the redrive policy of each --queue names its dead letter queue",
      ],
    ],
    [
      "one queue twice",
      [],
      { ...home, TASKIQ_QUEUES: "a:1,b,a:2", AWS_ENDPOINT_URL: "http://h" },
      ["--queue names a more than once"],
    ],
    ["several queues, one of them on AWS", ["--queue=http://h/1/q", "--queue=q:1"], home, [localLedger]],
    ["AWS by URL and the default ledger", ["--queue-url", aws], enough, [localLedger]],
    ["AWS by name and the default ledger", ["--queue-name", "q"], home, [localLedger]],
    [
      "AWS through a VPC endpoint",
      ["--endpoint-url=https://vpce-1.sqs.eu-west-1.vpce.amazonaws.com"],
      enough,
      [localLedger],
    ],
    ["AWS, allowed by an option", ["--queue-url", aws, "--allow-local-ledger"], enough, []],
    ["AWS, allowed by the environment", ["--queue-url", aws], { ...enough, TASKIQ_ALLOW_LOCAL_LEDGER: "1" }, []],
    ["AWS and a ledger", ["--queue-url", aws, "--ledger-url=sqlite:/l"], enough, []],
    ["an emulator behind a queue name", ["--queue-name=q", "--endpoint-url=http://127.0.0.1:4566"], home, []],
    [
      "two kinds of location",
      ["-m", "a", "-f", "b.py"],
      enough,
      ["only one of these can be given: --module-name (from the command line), --python-file (from the command line)"],
    ],
    [
      "a directory without a location",
      ["-d", "src"],
      enough,
      ["--working-directory (from the command line) needs --module-name, --python-file or --package-name"],
    ],
    [
      "an attribute with a workspace",
      ["-w", "w.yaml"],
      { ...enough, DAGSTER_ATTRIBUTE: "defs" },
      ["--attribute (from DAGSTER_ATTRIBUTE) needs --module-name, --python-file or --package-name"],
    ],
    [
      "an attribute of two modules",
      ["-m", "a", "-m", "b", "-a", "defs"],
      enough,
      ["--attribute needs exactly one --module-name, got 2"],
    ],
  ];
  for (const [name, argv, env, problems] of rows)
    test(`a configuration with ${name} ${problems.length === 0 ? "is accepted" : "is refused"}`, () =>
      assert.deepEqual(readRun(argv, env).problems, problems));

  test("a queue URL that was refused is the only thing wrong with the queue", () => {
    const problems = readRun(["--queue-url", "steps"], home).problems;
    assert.deepEqual(problems, ['--queue-url must be an http:// or https:// URL, got "steps" (from the command line)']);
  });

  test("an option that overrides a variable causes a warning", () => {
    const { config, warnings } = readRun(["--queue-name=q", "--endpoint-url=http://h"], enough);
    assert.deepEqual(config?.queues[0]?.queue, { name: "q" });
    assert.deepEqual(warnings, ["TASKIQ_QUEUE_URL is ignored: --queue-name was given"]);
  });

  test("a log level of another program is ignored with a warning", () => {
    const { config, warnings } = readRun([], { ...enough, LOG_LEVEL: "app=debug" });
    assert.equal(config?.log.level, "info");
    assert.deepEqual(warnings, ['LOG_LEVEL is ignored: expected one of debug, info, warn, error, got "app=debug"']);
  });

  test("a variable that Kubernetes sets for a Service is ignored with a warning", () => {
    const { config, warnings } = readRun([], { ...enough, TASKIQ_WORKER_HEALTH_PORT: "tcp://10.96.0.9:80" });
    assert.equal(config?.health.port, 8080);
    assert.deepEqual(warnings, [
      'TASKIQ_WORKER_HEALTH_PORT is ignored: "tcp://10.96.0.9:80" is what Kubernetes sets for a Service of that name. Set --health-port, or rename the Service',
    ]);
  });

  test("a receive that outlasts the grace causes a warning", () => {
    const { config, warnings } = readRun(["--grace=5"]);
    assert.equal(config?.graceMs, 5_000);
    assert.deepEqual(warnings, [
      "--wait-time (20s) is longer than --grace (5s): a stop cuts the last receive, and a standard queue hides the messages of that receive",
    ]);
  });
});

test("all problems of a configuration are reported at once, in one order", () => {
  const argv = ["--grase", "5", "--wait-time", "--max-starts=many", "-m", "a", "-f", "b.py"];
  assert.deepEqual(readRun(argv, { TASKIQ_WORKER_CONCURRENCY: "abc" }).problems, [
    "unknown option --grase, did you mean --grace?",
    "--wait-time needs a value: --wait-time <duration>",
    '--concurrency must be a whole number from 1 to 256, got "abc" (from TASKIQ_WORKER_CONCURRENCY)',
    '--max-starts must be a whole number from 1 to 1000, got "many" (from the command line)',
    "--dagster-home is required (env: DAGSTER_HOME): directory of dagster.yaml",
    "--queue-url, --queue-name or --queue is required (env: TASKIQ_QUEUE_URL, TASKIQ_QUEUE_NAME, TASKIQ_QUEUES): where steps come from",
    "only one of these can be given: --module-name (from the command line), --python-file (from the command line)",
  ]);
});
