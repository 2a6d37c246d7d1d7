// `taskiq doctor`, from the bundle, with the real step host, a real Dagster instance and an SQS
// server over HTTP. First everything is well. Then some things are broken, and the other checks
// stay as they were.
import assert from "node:assert/strict";
import { chmodSync, existsSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import { fileURLToPath } from "node:url";
import { DEFINITIONS_PARENT, PYTHON } from "../support/dagster/dagster-sidecar.ts";
import { createQueues, type LocalSqs, urlOf } from "../support/sqs/local-sqs.ts";
import { type SqsServer, startSqsServer } from "../support/sqs/server/http.ts";
import { asLocalSqs } from "../support/sqs/server/local.ts";
import { Deployment } from "../support/taskiq/deployment.ts";
import { doctor, metadata, troubles } from "../support/taskiq/doctor.ts";
import { runTaskiq, type Variables } from "../support/taskiq/run-taskiq.ts";

interface Broken {
  readonly flags?: readonly string[];
  readonly env?: Variables;
}

const fixture = (path: string) => fileURLToPath(new URL(`../../fixtures/${path}`, import.meta.url));
const code = ["-m", "definitions", "-d", DEFINITIONS_PARENT];
const SHIFTED = `const { now } = Date; Date.now = () => now() + 600000;`;
const PASSWORD = "hush-hush";
const runtime = process.env["TASKIQ_TEST_RUNTIME"] ?? "node";
/** Only Node loads a module that sets the clock. */
const setsClock = runtime.endsWith("node");

describe("taskiq doctor", () => {
  let server: SqsServer;
  let sqs: LocalSqs;
  let deployment: Deployment;
  let directory: string;
  const taskiq = (args: readonly string[], env: Variables) => runTaskiq(args, { ...deployment.env, ...env });
  const examine = ({ flags = code, env = {} }: Broken = {}) => doctor(flags, { ...deployment.env, ...env });

  before(async () => {
    server = await startSqsServer();
    sqs = asLocalSqs(server);
    deployment = new Deployment(sqs, await createQueues(sqs, "steps", { maxReceiveCount: 50 }));
    directory = mkdtempSync(join(tmpdir(), "taskiq-doctor-test-"));
    server.model.createQueue("alone.fifo", { FifoQueue: "true" });
    await deployment.send({ body: "not to be received", groupId: "g", deduplicationId: "d" });
    assert.equal((await taskiq(["migrate"], {})).code, 0);
  });
  after(async () => {
    rmSync(directory, { recursive: true });
    await deployment.close();
  });

  test("doctor passes a healthy set-up, counts its jobs and assets, and changes nothing", async () => {
    const env = { TASKIQ_LEDGER_URL: `sqlite:${deployment.home}/taskiq.sqlite`, TASKIQ_ENVELOPE_KEY: "k".repeat(40) };
    const { code: exit, report } = await examine({ env });
    assert.deepEqual([exit, troubles(report)], [0, []]);
    assert.deepEqual(
      report.checks.map(({ check }) => check),
      [
        ...["configuration", "credentials", "queue", "permissions", "dead letters", "clock", "ledger"],
        ...["python", "versions", "instance", "code location", "dagster home", "temporary files", "stop timeout"],
      ],
    );
    const foundOf = (name: string) => report.checks.find(({ check }) => check === name)?.found ?? "";
    assert.equal(foundOf("credentials"), "from the environment's variables, access key id …ocal");
    assert.match(foundOf("versions"), /^Dagster \d+\.\d+\.\d+, dagster-taskiq \S+, taskiq \S+$/);
    assert.match(
      foundOf("code location"),
      /^definitions is imported, [1-9]\d* jobs?, [1-9]\d* assets?; its steps run in forks$/,
    );
    const values = Object.fromEntries(report.configuration.map(({ option, value, from }) => [option, [value, from]]));
    assert.deepEqual(
      [
        values["--queue-url"],
        values["--python"],
        values["--grace"],
        values["TASKIQ_ENVELOPE_KEY"],
        values["--dlq-url"],
      ],
      [
        [deployment.env["TASKIQ_QUEUE_URL"], "TASKIQ_QUEUE_URL"],
        [PYTHON, "flag"],
        ["20s", "default"],
        ["***", "TASKIQ_ENVELOPE_KEY"],
        [null, "nowhere"],
      ],
    );
    assert.deepEqual(
      (await deployment.queued()).map(({ state, receiveCount }) => [state, receiveCount]),
      [["visible", 0]],
    );
  });

  // Each run of doctor starts a step host, so what does not hide another fault is broken with it.
  const rows: readonly { readonly what: string; readonly make: () => Broken; readonly found: readonly RegExp[] }[] = [
    {
      what: "a queue that does not exist, a ledger that cannot be reached, without its password, code that cannot be imported, and a temporary directory that cannot be written to",
      make: () => ({
        flags: ["-f", written("broken.py", "raise RuntimeError('a bad deploy')\n")],
        env: {
          TASKIQ_QUEUE_URL: urlOf(sqs, "nowhere.fifo"),
          TASKIQ_LEDGER_URL: `postgres://taskiq:${PASSWORD}@127.0.0.1:1/taskiq`,
          TMPDIR: "/nowhere",
        },
      }),
      found: [
        /^fail queue: the queue \S+nowhere\.fifo does not exist.* → Check the queue's URL or name/,
        /^fail permissions: .*nowhere\.fifo does not exist/,
        /^fail permissions: .*nowhere\.fifo does not exist/,
        /^fail ledger: .*127\.0\.0\.1:1/,
        /^fail code location: broken\.py cannot be imported: RuntimeError: a bad deploy → /,
        runtime === "deno"
          ? /^warn temporary files: \/nowhere: Requires write access .* → Give Deno this permission/
          : /^fail temporary files: \/nowhere: ENOENT.* → Give it a volume/,
      ],
    },
    {
      what: "a queue without a dead letter queue, a ledger without its tables, which it does not make, and code that a fork would break",
      make: () => ({
        flags: ["-f", written("threads.py", THREADS)],
        env: {
          TASKIQ_QUEUE_URL: urlOf(sqs, "alone.fifo"),
          TASKIQ_LEDGER_URL: `sqlite:${directory}/new.sqlite`,
        },
      }),
      found: [
        /^warn dead letters: \S+alone\.fifo has no dead letter queue; .* → Give it a redrive policy/,
        /^warn ledger: \S+new\.sqlite lacks the migrations 1 \(records\), .* → Run taskiq migrate/,
        /^warn code location: threads\.py is imported, 0 jobs, 0 assets; each step starts a new Python, .*thread poller/,
      ],
    },
    {
      what: "a clock that is ten minutes ahead, and a Python without the package",
      make: () => ({
        flags: ["--python", bare(), ...code],
        env: { NODE_OPTIONS: `--import=data:text/javascript,${encodeURIComponent(SHIFTED)}` },
      }),
      found: [
        ...(setsClock ? [/^fail clock: (?:599|600|601) s ahead of SQS → Set the clock/] : []),
        /^fail python: step host ended before it was ready .*It said last: .*No module named '?dagster_taskiq.* → is that/,
      ],
    },
    {
      what: "no credentials, and a Dagster that is not supported",
      make: () => ({
        env: {
          AWS_ACCESS_KEY_ID: "",
          AWS_SECRET_ACCESS_KEY: "",
          AWS_EC2_METADATA_DISABLED: "true",
          PYTHONPATH: fixture("old_dagster"),
        },
      }),
      found: [
        /^fail credentials: there are no AWS credentials: neither the environment nor a profile names any → /,
        /^fail queue: no AWS credentials for GetQueueAttributes/,
        /^fail permissions: no AWS credentials for ChangeMessageVisibility/,
        /^fail permissions: no AWS credentials for DeleteMessage/,
        /^warn clock: SQS has not said its time/,
        /^fail python: step host cannot work \(DAGSTER_VERSION\): Dagster 1\.9\.13 is installed, but .* supports Dagster/,
      ],
    },
  ];
  for (const { what, make, found: expected } of rows) {
    test(`doctor finds ${what}, and nothing else`, async () => {
      const { code: exit, report } = await examine(make());
      const found = troubles(report);
      assert.equal(found.length, expected.length, found.join("\n"));
      for (const [i, pattern] of expected.entries()) assert.match(found[i] ?? "", pattern);
      assert.equal(exit, expected.some((pattern) => pattern.source.startsWith("^fail")) ? 1 : 0);
      assert.ok(!JSON.stringify(report).includes(PASSWORD));
      assert.ok(!existsSync(join(directory, "new.sqlite")));
    });
  }

  test("doctor finds a missing permission by a receipt that SQS never gave out", async () => {
    server.faults.otherwise((action) =>
      action === "DeleteMessageBatch" ? { kind: "refuse", code: "AccessDenied", status: 403 } : null,
    );
    const { code: exit, report } = await examine();
    server.faults.clear();
    const [found = "", ...others] = troubles(report);
    assert.match(
      found,
      /^fail permissions: AWS does not allow DeleteMessage\w* on the queue .* → Check that the policy/,
    );
    assert.deepEqual([exit, others], [1, []]);
  });

  test("doctor reports a wrong option as a finding, and still checks everything that does not need it", async () => {
    const { report } = await examine({ flags: ["--concurrency", "zero"] });
    assert.deepEqual(
      report.checks.map(({ check, level, found }) => [check, level, found.slice(0, 43)]),
      [
        ["configuration", "fail", "--concurrency must be a whole number from 1"],
        ["temporary files", "ok", `${tmpdir()} can be written to`],
      ],
    );
  });

  test("doctor knows Fargate's longest stop timeout from the task's metadata", async (t) => {
    const env = { ECS_CONTAINER_METADATA_URI_V4: await metadata(t, { LaunchType: "FARGATE" }) };
    const { report } = await examine({ flags: ["--grace", "115s", "-f", join(directory, "missing.py")], env });
    const [found] = troubles(report).filter((line) => line.includes("stop timeout"));
    const what = "the grace of 115s needs a stopTimeout of 125s, and Fargate allows 120s";
    assert.equal(found, `fail stop timeout: ${what} → Lower --grace to 110s or less.`);
  });

  test("doctor's output fits 80 columns, without colour in a file", async () => {
    const { stdout } = await taskiq(["doctor", "--python", "/nowhere/python3", ...code], {});
    assert.ok(Math.max(...stdout.split("\n").map((line) => line.length)) <= 80, stdout);
    assert.ok(!stdout.includes("\u001b"), "no colour");
    assert.match(stdout, /^ok +queue +http/m);
    assert.match(stdout, /^fail +python +step host ended before it was ready/m);
    assert.match(stdout, /\n\d+ ok, 0 warn, 1 fail\n$/);
  });

  function written(name: string, source: string): string {
    const path = join(directory, name);
    writeFileSync(path, source);
    return path;
  }

  /** The same Python, which finds no installed package. */
  function bare(): string {
    const path = written("bare-python", `#!/bin/sh\nexec ${PYTHON} -S -E "$@"\n`);
    chmodSync(path, 0o755);
    return path;
  }
});

const THREADS = `
import threading
from dagster import Definitions
threading.Thread(target=threading.Event().wait, name="poller", daemon=True).start()
defs = Definitions()
`;
