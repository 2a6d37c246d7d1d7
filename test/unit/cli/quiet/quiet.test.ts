// `taskiq quiet` and `taskiq resume`: their configuration, and the list.
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { configure } from "../../../../cli/options/setup.ts";
import { quietSetup } from "../../../../cli/quiet/quiet-config.ts";
import { listText } from "../../../../cli/quiet/quiet-output.ts";
import { resumeSetup } from "../../../../cli/resume/resume-config.ts";
import { machine } from "../known-machine.ts";

const ledger = { TASKIQ_LEDGER_URL: "sqlite:/l" };
const quiet = (argv: readonly string[], env: Readonly<Record<string, string>> = ledger) =>
  configure(quietSetup, argv, env, machine);
const resume = (argv: readonly string[], env: Readonly<Record<string, string>> = ledger) =>
  configure(resumeSetup, argv, env, machine);
/** What is asked of the ledger, or of the local worker. */
const asked = (argv: readonly string[]) => {
  const config = quiet(argv).config();
  return config.do === "ask" ? config.ask : config;
};
const lifted = (argv: readonly string[]) => {
  const config = resume(argv).config();
  return config.do === "lift" ? config.target : config;
};

test("a queue is meant by its name, whether its URL or its name is given, and never by a worker's own variables", () => {
  const url = "https://sqs.eu-north-1.amazonaws.com/123456789012/bulk.fifo";
  const target = { worker: null, queue: "bulk.fifo" };
  for (const given of [url, "bulk.fifo"]) assert.deepEqual(lifted(["--queue", given]), target);
  const own = { ...ledger, TASKIQ_QUEUE_URL: url, TASKIQ_WORKER_ID: "w-1" };
  assert.deepEqual(quiet([], own).problems.length, 1);
});

test("a request names a worker, a queue, both, or everything", () => {
  const nobody = { why: null, who: null, forMs: null, wait: false, maxMs: null };
  const rows: readonly [readonly string[], object][] = [
    [["--worker", "w-1"], { worker: "w-1", queue: null }],
    [["--worker", "w-1", "--queue", "q"], { worker: "w-1", queue: "q" }],
    [["--everything"], { worker: null, queue: null }],
  ];
  for (const [argv, target] of rows) {
    assert.deepEqual(asked(argv), { ...nobody, ...target });
    assert.deepEqual(lifted(argv), argv.includes("--everything") ? null : target);
  }
  const whole = ["--everything", "--why", "a deploy", "--for", "1h", "--wait", "--max-time", "2h", "--who", "ada"];
  const request = {
    worker: null,
    queue: null,
    why: "a deploy",
    who: "ada",
    forMs: 3_600_000,
    wait: true,
    maxMs: 7_200_000,
  };
  assert.deepEqual(asked(whole), request);
  assert.equal(quiet(["--list"]).config().do, "list");
});

test("the worker of this machine is asked without a ledger", () => {
  const request = { stateDir: "/tmp/taskiq-1000", worker: null, who: null, wait: false, maxMs: null, json: false };
  assert.deepEqual(quiet(["--local", "--wait", "--max-time", "30m"], {}).config(), {
    do: "local",
    request: { ...request, do: "quiet", wait: true, maxMs: 1_800_000 },
  });
  assert.deepEqual(resume(["--local", "--worker", "w-1", "--state-dir", "/run/taskiq"], {}).config(), {
    do: "local",
    request: { ...request, do: "resume", worker: "w-1", stateDir: "/run/taskiq" },
  });
});

describe("refuses", () => {
  const rows: readonly [string, readonly string[], RegExp][] = [
    ["no target", [], /--worker, --queue, --everything or --local is required/],
    ["what only the ledger knows", ["--local", "--queue", "q", "--why", "w"], /--local .*: leave out --queue, --why$/],
    ["everything and a part of it", ["--everything", "--queue", "q"], /leave out --worker and --queue/],
    [
      "a list that asks",
      ["--list", "--worker", "w", "--wait"],
      /--list only shows requests: leave out --worker, --wait$/,
    ],
    ["a time for no wait", ["--everything", "--max-time", "1h"], /--max-time needs --wait/],
    ["a text that is not a queue", ["--queue", "a b"], /--queue must be the name or the URL of a queue/],
    ["a moment", ["--everything", "--for", "1s"], /--for must be a duration from 10s/],
  ];
  for (const [what, argv, says] of rows) {
    test(`taskiq quiet refuses ${what}`, () => {
      const { problems } = quiet(argv);
      assert.equal(problems.length, 1, problems.join("\n"));
      assert.match(problems[0] ?? "", says);
    });
  }

  test("taskiq resume refuses no target, and everything with a part of it", () => {
    assert.match(resume([]).problems[0] ?? "", /--worker, --queue, --everything or --local is required/);
    assert.match(resume(["--local", "--everything"]).problems[0] ?? "", /--local .*: leave out --everything$/);
    assert.match(resume(["--everything", "--worker", "w"]).problems[0] ?? "", /leave out --worker and --queue/);
  });

  test("taskiq quiet --list is refused without a ledger", () => {
    assert.match(quiet(["--list"], {}).problems[0] ?? "", /nothing says where the ledger is/);
  });
});

test("the list fits 80 columns, and shows what operators and workers wrote without control characters", () => {
  const nowMs = 1_790_000_000_000;
  const request = {
    who: "ada@laptop",
    why: "red \u001b[31m",
    askedAtMs: nowMs - 90_000,
    untilMs: nowMs + 3_600_000,
    lifted: null,
  };
  const requests = [
    { ...request, worker: "8e3c1fd04b1b4fd8a3f0a1b2c3d4e5f6", queue: "a-queue-with-a-rather-long-name.fifo" },
    { ...request, worker: null, queue: null, why: null, untilMs: null },
  ];
  const reports = [
    { worker: "8e3c1fd04b1b4fd8a3f0a1b2c3d4e5f6:17", queue: "steps.fifo", busy: 2, idle: false, agoMs: 3_000 },
  ];
  const text = listText(requests, reports, nowMs, 80);
  assert.ok(
    text.split("\n").every((line) => line.length <= 80),
    text,
  );
  assert.ok(!text.includes("\u001b"));
  assert.match(text, /^every +every +ada@laptop +- +1m +-$/m);
  assert.match(text, /steps\.fifo +2 +no +3s ago$/m);
  assert.equal(listText([], [], nowMs, 80), "");
});
