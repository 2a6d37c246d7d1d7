// `taskiq logs` over a real Dagster and worker: a step's output while it runs, afterwards, and by
// attempt.
import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { writeFileSync } from "node:fs";
import { after, afterEach, before, test } from "node:test";
import { PYTHON } from "../support/dagster/dagster-sidecar.ts";
import { eventually } from "../support/eventually.ts";
import { announced, Deployment } from "../support/taskiq/deployment.ts";
import { taskiqCommand } from "../support/taskiq/taskiq-command.ts";

let deployment: Deployment;

before(async () => {
  deployment = await Deployment.open();
  await deployment.startWorker();
});
afterEach((t) => deployment.explain(t));
after(() => deployment.close());

function logs(...args: readonly string[]) {
  const [program, ...first] = taskiqCommand();
  const env = { ...deployment.env, TASKIQ_PYTHON: PYTHON };
  const child = spawn(program, [...first, "logs", ...args], { stdio: ["ignore", "pipe", "pipe"], env });
  const printed = { stdout: "", stderr: "" };
  child.stdout.setEncoding("latin1").on("data", (text: string) => {
    printed.stdout += text;
  });
  child.stderr.setEncoding("latin1").on("data", (text: string) => {
    printed.stderr += text;
  });
  const ended = once(child, "close").then(([code]) => ({ code, ...printed }));
  return { child, printed, ended };
}

test("a step's output is printed as it comes, through its retry, to the last line without an end", async () => {
  const { started, release } = deployment.files();
  const runId = await deployment.dagster.launch("talks", { ops: { talk: { config: { started, release } } } });
  await announced(started);
  const following = logs("-f", runId, "talk");
  await eventually("the first words are printed", () => following.printed.stdout === "first words\n", 60_000);
  writeFileSync(release, "");
  const { code, stdout } = await following.ended;
  assert.deepEqual([code, stdout], [0, "first words\nlast wordssecond try\n"]);
  const first = logs(runId, "talk", "--attempt", "0").ended;
  const newest = logs(runId, "talk").ended;
  assert.equal((await first).stdout, "first words\nlast words");
  assert.equal((await newest).stdout, "second try\n");
});

test("stdout and stderr arrive apart and unchanged", async () => {
  const runId = await deployment.dagster.launch("noisy");
  assert.equal(await deployment.dagster.finished(runId), "SUCCESS");
  const { code, stdout, stderr } = await logs(runId, "make_noise").ended;
  assert.equal(code, 0);
  assert.match(
    stdout,
    /^print to stdout\nwrite to descriptor 1\n.*bytes that are no text: \xff\xfe\na last line without its end$/s,
  );
  assert.match(stderr, /^print to stderr\nwrite to descriptor 2\n/m);
});

test("a reader that goes away ends the command", async () => {
  const { started, release } = deployment.files();
  const runId = await deployment.dagster.launch("talks", { ops: { talk: { config: { started, release } } } });
  await announced(started);
  const { child, printed, ended } = logs("-f", runId, "talk");
  await eventually("the first words are printed", () => printed.stdout === "first words\n", 60_000);
  child.stdout.destroy();
  writeFileSync(release, "");
  assert.equal((await ended).code, 0);
  assert.equal(await deployment.dagster.finished(runId), "SUCCESS");
});

test("an unknown run, an unknown step and a step without output are named, with exit code 1", async () => {
  const run = logs("no-such-run", "talk").ended;
  assert.deepEqual(await run, {
    code: 1,
    stdout: "",
    stderr: "taskiq logs: this Dagster instance knows no run no-such-run\n",
  });
  const runId = await deployment.dagster.launch("one_success");
  assert.equal(await deployment.dagster.finished(runId), "SUCCESS");
  const step = await logs(runId, "sucked").ended;
  assert.deepEqual([step.code, step.stderr], [1, `taskiq logs: run ${runId} has no step sucked\n`]);
  const attempt = await logs(runId, "succeed", "--attempt", "3").ended;
  assert.deepEqual(
    [attempt.code, attempt.stderr],
    [1, "taskiq logs: attempt 3 of the step has not printed anything yet\n"],
  );
});
