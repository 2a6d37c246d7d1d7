// `taskiq dev` as a person uses it in a project of their own: from the bundle, without anything
// else of this repository.
import assert from "node:assert/strict";
import { cpSync, existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, test } from "node:test";
import { fileURLToPath } from "node:url";
import { freePort } from "../../cli/dev/ports.ts";
import { WebServer } from "../support/dagster/web-server.ts";
import { eventually } from "../support/eventually.ts";
import { taskiqCommand } from "../support/taskiq/taskiq-command.ts";
import { PYTHON, TaskiqDev } from "../support/taskiq/taskiq-dev.ts";

const repository = fileURLToPath(new URL("../../", import.meta.url));
const projects: string[] = [];
const devs: TaskiqDev[] = [];

afterEach(() => {
  for (const dev of devs.splice(0)) dev.clear();
  for (const project of projects.splice(0)) rmSync(project, { recursive: true, force: true });
});

function directory(): string {
  const project = mkdtempSync(join(tmpdir(), "taskiq-dev-"));
  projects.push(project);
  return project;
}

function start(...given: ConstructorParameters<typeof TaskiqDev>): TaskiqDev {
  const dev = new TaskiqDev(...given);
  devs.push(dev);
  return dev;
}

/** Says which code ran, in which process, and what user code finds in its environment. */
const greets = (greeting: string) => `import os
import time
from pathlib import Path

import dagster as dg
from dagster_taskiq import taskiq_executor


@dg.op
def greet():
    Path("said.txt").write_text(f"${greeting} {os.environ['AWS_ACCESS_KEY_ID']} {os.environ.get('AWS_ENDPOINT_URL_SQS')}")


@dg.op
def sleep():
    Path("sleeps.txt").touch()
    time.sleep(600)


@dg.job(executor_def=taskiq_executor)
def hello():
    greet()


@dg.job(executor_def=taskiq_executor)
def long():
    sleep()
`;

test("a project as create-dagster makes it runs its jobs from another shell, follows its code, and ends with Ctrl-C", async () => {
  const project = directory();
  cpSync(join(repository, "fixtures/dg_project"), project, { recursive: true });
  const code = join(project, "src/weather_station/defs/hello.py");
  writeFileSync(code, greets("one"));
  // The project is not installed. A real account and a production queue are in the environment.
  const env = {
    PYTHONPATH: join(project, "src"),
    AWS_ACCESS_KEY_ID: "real",
    AWS_SECRET_ACCESS_KEY: "real",
    TASKIQ_QUEUE_URL: "https://sqs.eu-north-1.amazonaws.com/1/not-here.fifo",
    TASKIQ_LEDGER_URL: "postgres://taskiq@not-here.example/taskiq",
  };
  const dev = start(project, ["--no-ui"], env);
  await dev.says(/source \.taskiq\/dev\.env\n(?:.*\n){7}/);
  assert.match(dev.output, /run elsewhere, in their run workers: everything, materializations of assets\./);
  const dagster = `${PYTHON} -m dagster job execute -m weather_station.definitions`;

  const first = await dev.inOtherShell(`${dagster} -j hello`);
  assert.match(first.output, /RUN_SUCCESS/);
  assert.equal(readFileSync(join(project, "said.txt"), "utf8"), "one real None");
  assert.match(dev.output, /step\.ended {2}ended: success {2}key=\S+:greet/);

  writeFileSync(code, greets("two"));
  const second = await dev.inOtherShell(`${dagster} -j hello`);
  assert.match(second.output, /RUN_SUCCESS/);
  assert.equal(readFileSync(join(project, "said.txt"), "utf8"), "two real None");

  const taskiq = taskiqCommand().join(" ");
  // Healthy once it has been ready for five seconds.
  const isHealthy = async () => (await dev.inOtherShell(`${taskiq} healthcheck`)).code === 0;
  await eventually("the worker is healthy", isHealthy, 60_000);
  const letters = await dev.inOtherShell(`${taskiq} inspect-dlq --no-dagster`);
  assert.deepEqual(letters, { code: 0, output: "taskiq inspect-dlq: there are no dead letters to be seen\n" });
  const again = await dev.inOtherShell(`${taskiq} dev --no-ui --python ${PYTHON}`);
  assert.equal(again.code, 2);
  assert.match(again.output, /^taskiq dev: another taskiq dev, process \d+, has this Dagster home/);

  void dev.inOtherShell(`${dagster} -j long`);
  await eventually("the step sleeps", () => existsSync(join(project, "sleeps.txt")), 180_000);
  dev.signal("SIGINT");
  await dev.says(/1 step may finish within 20 s/);
  dev.kill("dagster job execute");
  const began = performance.now();
  dev.signal("SIGTERM");
  assert.equal(await dev.ends(), 0, dev.output);
  assert.ok(performance.now() - began < 10_000, "a second signal does not wait for the grace");
  assert.equal(existsSync(join(project, ".taskiq/dev.env")), false);
});

test("the sample project runs from Dagster's UI, which follows the code; when the UI dies, all of it ends", async () => {
  const project = directory();
  cpSync(join(repository, "examples/weather_report.py"), join(project, "weather_report.py"));
  // Not the usual port: a test beside this one, or a developer, may be about to take it.
  const dev = start(project, ["-f", "weather_report.py", "--port", String(await freePort())]);
  const [, url = ""] = await dev.says(/ready: (http:\S+)/);
  const ui = new WebServer(url);
  const { runId, status } = await ui.run("weather_report");
  assert.equal(status, "SUCCESS", dev.output);
  assert.match(dev.output, new RegExp(`step\\.ended {2}ended: up_for_retry: .* {2}key=${runId}:published_page `));
  assert.match(dev.output, new RegExp(`step\\.ended {2}ended: success {2}key=${runId}:published_page:1 `));
  assert.deepEqual(await ui.ask("{ shouldShowNux }"), { shouldShowNux: false });
  assert.equal((await ui.jobs()).includes("winter"), false);
  const code = readFileSync(join(project, "weather_report.py"), "utf8");
  const more = 'jobs=[define_asset_job("winter", selection=[weather]), ';
  writeFileSync(join(project, "weather_report.py"), code.replace("jobs=[", more));
  await dev.says(/the UI has loaded the changed code/, 60_000);
  assert.equal((await ui.run("winter")).status, "SUCCESS", dev.output);
  dev.kill("-m dagster dev");
  assert.equal(await dev.ends(), 1, dev.output);
  assert.match(dev.output, /taskiq {2}\| Dagster's UI ended: SIGKILL; ending the rest$/m);
});
