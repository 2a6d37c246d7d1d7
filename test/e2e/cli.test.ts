// The bundle's manners as a shell, a scheduler or a container's health check meets them.
import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { type AddressInfo, createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, describe, type TestContext, test } from "node:test";
import { systemClock } from "../../core/clock.ts";
import { startHealthServer } from "../../core/endpoints/health-server.ts";
import { runTaskiq as taskiq } from "../support/taskiq/run-taskiq.ts";
import { taskiqCommand } from "../support/taskiq/taskiq-command.ts";

async function takenPort(t: TestContext): Promise<number> {
  const server = createServer().listen(0, "127.0.0.1");
  t.after(() => server.close());
  await once(server, "listening");
  return (server.address() as AddressInfo).port;
}

async function freedPort(): Promise<number> {
  const server = createServer().listen(0, "127.0.0.1");
  await once(server, "listening");
  const { port } = server.address() as AddressInfo;
  server.close();
  await once(server, "close");
  return port;
}

let home: string;
before(() => {
  home = mkdtempSync(join(tmpdir(), "taskiq-cli-"));
});
after(() => rmSync(home, { recursive: true }));

describe("the program", () => {
  const { version } = JSON.parse(readFileSync(new URL("../../package.json", import.meta.url), "utf8"));

  test("--version prints the version", async () => {
    assert.deepEqual(await taskiq(["--version"]), { code: 0, stdout: `taskiq ${version}\n`, stderr: "" });
  });

  test("help goes to stdout when it was asked for, to stderr when no command was named", async () => {
    const asked = await taskiq(["--help"]);
    assert.match(asked.stdout, /^Usage: taskiq <command> \[options\]\n.*\n {2}run {2,}Take steps/s);
    assert.deepEqual([asked.code, asked.stderr], [0, ""]);
    assert.deepEqual(await taskiq([]), { code: 2, stdout: "", stderr: asked.stdout });
  });

  test("each command's help names its variables, its defaults and examples", async () => {
    for (const [name, line] of [
      ["run", "(env: TASKIQ_WORKER_CONCURRENCY, default: 4)"],
      ["healthcheck", "(env: TASKIQ_WORKER_HEALTH_PORT, default: 8080)"],
    ] as const) {
      const { code, stdout, stderr } = await taskiq([name, "--help"]);
      assert.deepEqual([code, stderr], [0, ""]);
      assert.ok(stdout.replace(/\s+/g, " ").includes(line), stdout);
      assert.match(stdout, new RegExp(`\nExamples:\n  taskiq ${name}`));
      assert.ok(
        Math.max(
          ...(stdout
            .split("\nExamples:")[0]
            ?.split("\n")
            .map(({ length }) => length) ?? []),
        ) <= 80,
      );
    }
  });

  test("an unknown command is refused", async () => {
    const stderr =
      'taskiq: unknown command "rnu", did you mean run?\nCommands: dev, run, drain, quiet, resume, explain, logs, inspect-dlq, replay, purge, fail, reexecute, doctor, migrate, healthcheck, help, completion, man\n';
    assert.deepEqual(await taskiq(["rnu"]), { code: 2, stdout: "", stderr });
  });

  test("a reader that went away does not make the program fail", async () => {
    const [program, ...first] = taskiqCommand();
    const child = spawn(program, [...first, "run", "--help"], { stdio: ["ignore", "pipe", "inherit"] });
    child.stdout.destroy();
    const [code] = await once(child, "exit");
    assert.equal(code, 0);
  });
});

describe("a configuration", () => {
  test("a wrong configuration is reported with all its problems at once", async () => {
    const env = {
      TASKIQ_WORKER_CONCURRENCY: "abc",
      TASKIQ_QUEU_NAME: "q",
      TASKIQ_LEDGER_URL: "postgres://u:secret@db:x",
    };
    const { code, stdout, stderr } = await taskiq(["run", "--grase", "5", "--max-starts=0"], env);
    assert.deepEqual([code, stdout], [2, ""]);
    assert.equal(
      stderr,
      [
        "taskiq run: cannot start",
        "  unknown option --grase, did you mean --grace?",
        '  --concurrency must be a whole number from 1 to 256, got "abc" (from TASKIQ_WORKER_CONCURRENCY)',
        '  --max-starts must be a whole number from 1 to 1000, got "0" (from the command line)',
        "  --dagster-home is required (env: DAGSTER_HOME): directory of dagster.yaml",
        '  --ledger-url must be dagster, sqlite:<path of a file> or postgres://<user>@<host>:<port>/<database>, got "postgres://***@db:x" (from TASKIQ_LEDGER_URL)',
        "  --queue-url, --queue-name or --queue is required (env: TASKIQ_QUEUE_URL, TASKIQ_QUEUE_NAME, TASKIQ_QUEUES): where steps come from",
        "  unknown environment variable TASKIQ_QUEU_NAME, did you mean TASKIQ_QUEUE_NAME?",
        "Try: taskiq run --help",
        "",
      ].join("\n"),
    );
  });

  test("--print-config shows the configuration and starts nothing", async () => {
    const env = { DAGSTER_HOME: home, TASKIQ_QUEUE_URL: "http://127.0.0.1:1/1/q", TASKIQ_WORKER_CONCURRENCY: "7" };
    const { code, stdout, stderr } = await taskiq(["run", "--print-config", "--worker-id", "007"], env);
    assert.deepEqual([code, stderr], [0, ""]);
    assert.match(stdout, /^--concurrency +7 +\(from TASKIQ_WORKER_CONCURRENCY\)$/m);
    assert.match(stdout, /^--worker-id +007 +\(from the command line\)$/m);
    assert.match(stdout, /^--grace +20s +\(default\)$/m);
  });

  test("a queue that cannot be reached ends the start with exit code 3", async () => {
    const queue = `http://127.0.0.1:${await freedPort()}/000000000000/steps.fifo`;
    const env = {
      DAGSTER_HOME: home,
      TASKIQ_QUEUE_URL: queue,
      TASKIQ_WORKER_HEALTH_PORT: "0",
      AWS_REGION: "us-east-1",
      AWS_ACCESS_KEY_ID: "x",
      AWS_SECRET_ACCESS_KEY: "x",
    };
    const { code, stdout, stderr } = await taskiq(["run"], env);
    assert.deepEqual([code, stdout], [3, ""]);
    assert.match(stderr, /\(TQ_QUEUE\)/);
  });

  test("a health port that is taken ends the start with exit code 2", async (t) => {
    const port = await takenPort(t);
    const env = {
      DAGSTER_HOME: home,
      TASKIQ_QUEUE_URL: "http://127.0.0.1:1/1/q",
      TASKIQ_WORKER_HEALTH_PORT: String(port),
    };
    const { code, stderr } = await taskiq(["run"], env);
    assert.equal(code, 2);
    assert.match(stderr, new RegExp(`health server: port ${port} on 127\\.0\\.0\\.1 is in use by another program`));
  });
});

describe("healthcheck", () => {
  async function serve(t: TestContext, closedBecause: string | null): Promise<Readonly<Record<string, string>>> {
    let aheadMs = 0;
    const facts = { started: true, stopping: false, pollingSinceMs: null, lastTurnAtMs: systemClock.monoMs() };
    const server = await startHealthServer({
      host: "127.0.0.1",
      port: 0,
      worker: "w",
      clock: { monoMs: () => systemClock.monoMs() + aheadMs },
      observe: () => undefined,
      metrics: async () => "",
      status: null,
      facts: () => ({ ...facts, waitMs: 20_000, closedBecause, broken: null, busy: 0, slots: 4, readyWithinMs: null }),
    });
    t.after(() => server.close());
    await fetch(`http://127.0.0.1:${server.port}/readyz`); // It has been ready for long then.
    aheadMs = 5_000;
    return { TASKIQ_WORKER_HEALTH_PORT: String(server.port) };
  }

  test("healthcheck prints nothing about a healthy worker", async (t) => {
    const env = await serve(t, null);
    for (const args of [["healthcheck"], ["healthcheck", "--ready"]]) {
      assert.deepEqual(await taskiq(args, env), { code: 0, stdout: "", stderr: "" });
    }
  });

  test("healthcheck says why a worker was never ready, and why it takes no steps", async (t) => {
    const env = await serve(t, "the ledger is down");
    const where = `127.0.0.1:${env["TASKIQ_WORKER_HEALTH_PORT"]}`;
    const stderr = `taskiq healthcheck: ${where}/readyz says 503: the ledger is down\n`;
    assert.deepEqual(await taskiq(["healthcheck", "--ready"], env), { code: 1, stdout: "", stderr });
    const never = `taskiq healthcheck: ${where}/healthz says 503: not ready yet: the ledger is down\n`;
    assert.deepEqual(await taskiq(["healthcheck"], env), { code: 1, stdout: "", stderr: never });
  });

  test("healthcheck fails when no worker listens", async () => {
    const port = await freedPort();
    const stderr = `taskiq healthcheck: no worker listens on 127.0.0.1:${port}\n`;
    assert.deepEqual(await taskiq(["healthcheck", `--health-port=${port}`]), { code: 1, stdout: "", stderr });
  });

  test("healthcheck fails when the worker hangs", async (t) => {
    const port = await takenPort(t);
    const stderr = `taskiq healthcheck: no answer from 127.0.0.1:${port} within 100ms\n`;
    const ran = await taskiq(["healthcheck", `--health-port=${port}`, "--timeout", "100ms"]);
    assert.deepEqual(ran, { code: 1, stdout: "", stderr });
  });

  test("healthcheck fails with 1 when it is used wrongly: a container knows no other code", async () => {
    const { code, stderr } = await taskiq(["healthcheck", "--timeout", "soon", "--redy"]);
    assert.equal(code, 1);
    assert.equal(
      stderr,
      "taskiq healthcheck: cannot start\n  unknown option --redy, did you mean --ready?\n" +
        '  --timeout must be a duration from 1ms to 1m (a plain number is in seconds), got "soon" (from the command line)\nTry: taskiq healthcheck --help\n',
    );
  });

  test("healthcheck evaluates neither the AWS SDK nor the worker", () => {
    const { inputs } = JSON.parse(readFileSync(new URL("../../dist/meta.json", import.meta.url), "utf8"));
    const reached = reach(inputs, ["cli/main.ts", "cli/process.ts", "cli/healthcheck/healthcheck.ts"]);
    assert.ok(reached.has("cli/local-http.ts"));
    const heavy = [...reached].filter((path) =>
      /@aws-sdk|@smithy|undici|consola|cli\/worker\/|core\/worker\/worker\.ts/.test(path),
    );
    assert.deepEqual(heavy, []);
    assert.ok(reach(inputs, ["cli/run/run.ts"]).has("core/worker/worker.ts"));
  });
});

type Inputs = Readonly<
  Record<string, { readonly imports: readonly { readonly path: string; readonly kind: string }[] }>
>;

/** Every module that is evaluated with these; what is imported lazily is not. */
function reach(inputs: Inputs, from: readonly string[]): ReadonlySet<string> {
  const reached = new Set<string>();
  const left = [...from];
  for (let path = left.pop(); path !== undefined; path = left.pop()) {
    if (reached.has(path)) continue;
    reached.add(path);
    for (const { path: next, kind } of inputs[path]?.imports ?? []) if (kind !== "dynamic-import") left.push(next);
  }
  return reached;
}
