// `npm start` as people run it, but for the setup before it: the demo succeeds, and however it ends
// nothing is left running.
import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { readFileSync } from "node:fs";
import { afterEach, test } from "node:test";
import { WebServer } from "../support/dagster/web-server.ts";
import { eventually } from "../support/eventually.ts";
import { endProcesses, type Mark, markedProcesses, noneMarked } from "../support/taskiq/marked-processes.ts";

interface Demo {
  readonly mark: Mark;
  /** Everything it printed so far. */
  said(): string;
  /** Waits until it has printed that. */
  says(text: string): Promise<void>;
  signal(name: NodeJS.Signals): void;
  /** Waits for its end: its exit code, and that no process is left. */
  ends(): Promise<number | null>;
}

const withinMs = 180_000;
let demos = 0;
const marks: Mark[] = [];

// What a failed test leaves would keep this file from ending.
afterEach(() => endProcesses(marks.splice(0).flatMap(markedProcesses)));

function startDemo(...args: string[]): Demo {
  demos += 1;
  const name = "START_TEST";
  const value = `${process.pid}-${demos}`;
  // A developer's own settings must not lead the demo anywhere.
  const misleading = { TASKIQ_QUEUE_URL: "https://sqs.eu-north-1.amazonaws.com/1/not-here", AWS_PROFILE: "not-here" };
  const child = spawn(process.execPath, ["dev/start.ts", ...args], {
    env: { ...process.env, ...misleading, NO_COLOR: "1", [name]: value },
    stdio: ["ignore", "pipe", "pipe"],
  });
  let output = "";
  const collect = (text: string) => {
    output += text;
  };
  for (const stream of [child.stdout, child.stderr]) stream.setEncoding("utf8").on("data", collect);
  const closed = new Promise<number | null>((resolve) => child.once("close", resolve));
  const mark: Mark = `${name}=${value}`;
  marks.push(mark);
  return {
    mark,
    said: () => output,
    says: async (text) => {
      await eventually(`the demo says "${text}"`, () => output.includes(text) || child.exitCode !== null, withinMs);
      assert.ok(output.includes(text), `expected "${text}", got:\n${output}`);
    },
    signal: (signal) => child.kill(signal),
    ends: async () => {
      const code = await closed;
      await noneMarked(mark);
      return code;
    },
  };
}

const row = (step: string, attempt: number, outcome: string) => {
  const name = step.replaceAll(/[[\]]/g, "\\$&");
  return new RegExp(`^${name} +${attempt}  \\S+/\\d+ +${outcome} +\\d+\\.\\d\\d s +\\d+\\.\\d\\d s$`, "m");
};

test("npm start shows a run of the sample job, and what ledger and queue hold after it", async () => {
  const demo = startDemo();
  assert.equal(await demo.ends(), 0, demo.said());
  const said = demo.said();
  for (const station of ["bergen", "oslo", "roros", "tromso", "trondheim", "vardo"]) {
    assert.match(said, row(`weather.summarize[${station}]`, 1, "success"));
  }
  assert.match(said, row("published_page", 1, "up for retry"));
  assert.match(said, row("published_page", 2, "success"));
  assert.match(said, /^Run +SUCCESS$/m);
  assert.match(said, /^Ledger +11 rows: 10 success, 1 up for retry$/m);
  assert.match(said, /^Queue +0 left, 0 dead$/m);
  assert.deepEqual(
    said.split("\n").filter((line) => line.length > 80),
    [],
  );
});

test("npm start --keep lets the sample job be launched again in Dagster's UI, until Ctrl-C", async () => {
  const demo = startDemo("--keep");
  await demo.says("Ctrl-C ends everything");
  const [, url = "no URL"] = /^UI +(http:\S+)$/m.exec(demo.said()) ?? [];
  const ui = new WebServer(url);
  assert.ok((await ui.jobs()).includes("weather_report"));
  const { runId, status } = await ui.run("weather_report");
  assert.equal(status, "SUCCESS");
  const [, log = "no log"] = /less (\S+worker\.log)/.exec(demo.said()) ?? [];
  assert.match(
    readFileSync(log, "utf8"),
    new RegExp(`step\\.ended {2}ended: success {2}key=${runId}:published_page:1 `),
  );
  assert.deepEqual(await ui.ask("{ shouldShowNux }"), { shouldShowNux: false });
  demo.signal("SIGINT");
  assert.equal(await demo.ends(), 0, demo.said());
});

for (const { when, text } of [
  { when: "while the worker starts", text: "Worker" },
  { when: "while steps run", text: "weather.find_stations" },
]) {
  test(`Ctrl-C ${when} ends everything that npm start started`, async () => {
    const demo = startDemo();
    await demo.says(text);
    demo.signal("SIGINT");
    assert.equal(await demo.ends(), 130, demo.said());
  });
}

test("npm start reports a worker that dies, with the end of its log", async () => {
  const demo = startDemo();
  await demo.says("weather.find_stations");
  endProcesses(markedProcesses(demo.mark).filter(({ command }) => command.includes("dist/taskiq.mjs dev")));
  assert.equal(await demo.ends(), 1, demo.said());
  assert.match(demo.said(), /^the worker ended: SIGKILL\nThe last lines of \.taskiq\/demo\/\d+\/worker\.log:\n {2}/m);
});

test("npm start refuses an unknown option before anything starts", async () => {
  const demo = startDemo("--kep");
  assert.equal(await demo.ends(), 2);
  assert.match(demo.said(), /^Unknown option '--kep'/);
  assert.match(demo.said(), /^Usage: npm start \[-- --keep\]$/m);
});
