// `taskiq inspect-dlq` as an operator meets it, over a real SQS server, the ledger's file and a
// real Dagster. It leaves everything as it was.
import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { createHash } from "node:crypto";
import { once } from "node:events";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { text } from "node:stream/consumers";
import { after, afterEach, before, beforeEach, describe, test } from "node:test";
import { deadLetterAttributes } from "../../core/queue/dead-letter-note.ts";
import { PYTHON } from "../support/dagster/dagster-sidecar.ts";
import { eventually } from "../support/eventually.ts";
import { createQueues, type LocalSqs, type QueuePair, sendMessage } from "../support/sqs/local-sqs.ts";
import { bodyFor, message } from "../support/sqs/messages.ts";
import { type SqsServer, startSqsServer } from "../support/sqs/server/http.ts";
import { asLocalSqs } from "../support/sqs/server/local.ts";
import { Deployment } from "../support/taskiq/deployment.ts";
import { taskiqCommand } from "../support/taskiq/taskiq-command.ts";

let deployment: Deployment;
let server: SqsServer;
let sqs: LocalSqs;
let pair: QueuePair;
let sent = 0;

/** Dagster takes seconds to start, and most of this is not about it. */
const alone = ["--no-dagster", "--no-ledger"];

before(async () => {
  server = await startSqsServer();
  sqs = asLocalSqs(server);
  deployment = new Deployment(sqs, await createQueues(sqs, "steps"));
});
beforeEach(async () => {
  sent += 1;
  pair = await createQueues(sqs, `steps-${sent}`);
});
afterEach((t) => deployment.explain(t));
after(() => deployment.close());

function start(args: readonly string[]) {
  const [program, ...first] = taskiqCommand();
  const env = { ...deployment.env, TASKIQ_QUEUE_URL: pair.url, TASKIQ_PYTHON: PYTHON };
  const child = spawn(program, [...first, "inspect-dlq", ...args], { stdio: ["ignore", "pipe", "pipe"], env });
  const ended = Promise.all([text(child.stdout), text(child.stderr), once(child, "close")]);
  return { child, ended: ended.then(([stdout, stderr]) => ({ code: child.exitCode, stdout, stderr })) };
}

const inspect = (...args: readonly string[]) => start(args).ended;

const records = (stdout: string) =>
  stdout
    .split("\n")
    .slice(0, -1)
    .map((line) => JSON.parse(line));

/** A letter of that step: buried by a worker, unless `moved`. */
async function letter(
  stepKey: string,
  { runId = "run-1", moved = false, body = bodyFor(stepKey, { run_id: runId }) } = {},
) {
  sent += 1;
  const reason = {
    reason: "crash_loop",
    detail: "SIGKILL",
    errorClass: null,
    fingerprint: null,
    starts: 3,
    worker: "w",
  };
  const burial = { message: message(`m${sent}`, { body }), reason, sourceUrl: pair.url, buriedAtMs: Date.now() };
  const attributes = moved ? {} : deadLetterAttributes(burial).attributes;
  const ordering = { groupId: `g${sent}`, deduplicationId: `d${sent}` };
  return await sendMessage(sqs, pair.deadLetterUrl, { body, attributes, ...ordering });
}

/**
 * Every one of them may be received again. Each look counts a receive, and a second one of the
 * group that ends a full page.
 */
async function givenBack(looks: number) {
  const letters = await sqs.inspect(pair.deadLetterName);
  assert.ok(letters.every(({ state }) => state === "visible"));
  const counts = letters.map(({ receiveCount }) => receiveCount);
  assert.ok(
    counts.every((count) => count >= looks && count <= 2 * looks),
    `${[...new Set(counts)]} receives after ${looks} looks`,
  );
}

describe("inspect-dlq", () => {
  test("inspect-dlq says for each dead letter what to do, as Dagster and the ledger have it", async () => {
    const { dagster } = deployment;
    const [open, over] = [
      await dagster.createRun("one_success"),
      await dagster.createRun("one_success", {}, "SUCCESS"),
    ];
    await letter("succeed", { runId: open });
    await letter("succeed", { runId: over });
    await letter("succeed", { runId: open, moved: true, body: bodyFor("other", { run_id: open }) });
    await letter("succeed", { runId: "00000000-0000-4000-8000-000000000000" });
    await letter("", { body: "{}" });
    const { code, stdout, stderr } = await inspect("--json");
    assert.equal(code, 0, stderr);
    const listed = records(stdout).map(({ job, reason, verdict }) => [job, reason, verdict]);
    assert.deepEqual(listed.sort(), [
      [null, "crash_loop", "malformed"],
      [null, "crash_loop", "no_such_run"],
      ["one_success", "crash_loop", "run_succeeded"],
      ["one_success", "crash_loop", "waiting"],
      ["one_success", "moved_by_sqs", "moved"],
    ]);
    assert.match(
      stderr,
      /looked at 5 dead letters of .*: each counts one receive more now \(two in a FIFO group that ended a page of ten\)/,
    );
    await givenBack(1);
  });

  test("inspect-dlq lists all of a thousand dead letters, and groups them", async () => {
    const queue = server.model.queue(pair.deadLetterName);
    for (let i = 0; i < 1_000; i += 1) {
      queue.send({ body: bodyFor(`load[part_${i}]`), groupId: `g${i}`, deduplicationId: `d${i}` });
    }
    const { code, stdout } = await inspect(...alone, "--json");
    const keys = new Set(records(stdout).map(({ key }) => key));
    assert.deepEqual([code, keys.size], [0, 1_000]);
    await givenBack(1);
    const grouped = await inspect(...alone, "--group");
    assert.deepEqual(
      grouped.stdout.split("\n").map((line) => line.split(/\s{2,}/)[0]),
      ["COUNT", "1000", ""],
    );
    assert.match(grouped.stdout, /moved_by_sqs .* load\[…\] /);
    await givenBack(2);
  });

  test("inspect-dlq shows one dead letter with its body, and fails where there is none", async () => {
    const id = await letter("load");
    const shown = await inspect(...alone, "--show", id.slice(0, 8));
    assert.equal(shown.code, 0);
    assert.match(shown.stdout, /^unknown: Dagster was not asked\nmessage {5}/);
    assert.match(shown.stdout, /"step_key": "load"/);
    const none = await inspect(...alone, "--show", "run-1:no_such_step");
    assert.deepEqual([none.code, none.stdout], [1, ""]);
    assert.match(none.stderr, /--show run-1:no_such_step: no dead letter has it/);
  });

  test("inspect-dlq exports the chosen dead letters with a checksum, and never over a file", async () => {
    await letter("load");
    await letter("clean", { moved: true });
    const path = join(deployment.home, "dead.jsonl");
    const exported = await inspect(...alone, "--reason", "moved_by_sqs", "--export", path);
    assert.deepEqual([exported.code, exported.stdout], [0, ""]);
    const [one = "", last = "", ...rest] = readFileSync(path, "utf8").split("\n");
    assert.deepEqual(rest, [""]);
    assert.equal(JSON.parse(one).body, bodyFor("clean"));
    const sha256 = createHash("sha256").update(`${one}\n`).digest("hex");
    assert.deepEqual(JSON.parse(last), { taskiq_export: 1, count: 1, sha256 });
    const again = await inspect(...alone, "--export", path);
    assert.equal(again.code, 2);
    assert.match(again.stderr, /--export: cannot write .*dead\.jsonl/);
    await givenBack(2);
  });

  test("an interrupted inspect-dlq gives everything back and lists nothing", async () => {
    for (let i = 0; i < 30; i += 1) await letter(`step_${i}`);
    // Dagster is asked, which takes seconds: it is interrupted long before its end.
    const { child, ended } = start([]);
    await eventually("it looks", async () =>
      (await sqs.inspect(pair.deadLetterName)).some((one) => one.receiveCount > 0),
    );
    child.kill("SIGINT");
    const { code, stdout, stderr } = await ended;
    assert.deepEqual([code, stdout], [1, ""], stderr);
    assert.match(stderr, /interrupted: nothing is listed/);
    assert.ok((await sqs.inspect(pair.deadLetterName)).every(({ state }) => state === "visible"));
  });

  test("inspect-dlq's exit code says what kept it from its work", async () => {
    const lonely = await createQueues(sqs, `lonely-${sent}`, { maxReceiveCount: null });
    const none = await inspect(...alone, "--queue-url", lonely.url);
    assert.equal(none.code, 2);
    assert.match(none.stderr, /has no dead letter queue \(TQ_CONFIG\)/);
    const away = await inspect("--no-dagster", "--ledger-url", "postgres://nobody@127.0.0.1:1/none");
    assert.equal(away.code, 3, away.stderr);
    const empty = await inspect(...alone);
    assert.deepEqual([empty.code, empty.stdout], [0, ""]);
    assert.match(empty.stderr, /there are no dead letters/);
  });
});
