// `taskiq drain`: the built bundle works a real queue until it is empty, and makes a running worker
// quiet. Steps are those of a step host without Dagster, since they are many and none of this is
// about what they do.
import assert from "node:assert/strict";
import { readdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { after, afterEach, beforeEach, describe, test } from "node:test";
import { freePort } from "../../cli/dev/ports.ts";
import { eventually } from "../support/eventually.ts";
import { createQueues, type QueuePair, sendMessage } from "../support/sqs/local-sqs.ts";
import { bodyFor } from "../support/sqs/messages.ts";
import { WorkersWithoutDagster } from "../support/taskiq/workers-without-dagster.ts";

const workers = await WorkersWithoutDagster.open("drain");
const { server, sqs } = workers;
let pair: QueuePair;

beforeEach(async () => {
  workers.begin();
  pair = await createQueues(sqs, `steps-${workers.tests}`);
});
afterEach((t) => workers.end(t));
after(() => workers.close());

const start = (command: "run" | "drain" | "quiet" | "resume", flags: readonly string[]) =>
  workers.startWorker([command, ...flags], "state", { TASKIQ_QUEUE_URL: pair.url });

/** Against a server whose counts are exact, a second proves as much as a minute does. */
const quick = ["--wait-time", "1s", "--settle", "1s", "--json"];

/** A message of its own group. */
async function send(stepKey: string): Promise<string> {
  const ordering = { groupId: stepKey, deduplicationId: stepKey };
  return await sendMessage(sqs, pair.url, { body: bodyFor(stepKey), ...ordering });
}

async function drain(...flags: readonly string[]) {
  const command = start("drain", [...quick, ...flags]);
  const { code } = await command.exit(120_000);
  return { code, summary: JSON.parse(command.stdout[0] ?? "null"), command };
}

/** Returns the exit code and the output, which is not JSON. */
/** Asks the worker on this machine. */
async function ask(verb: "quiet" | "resume", ...flags: readonly string[]) {
  const command = start(verb, ["--local", ...flags]);
  const { code } = await command.exit(60_000);
  return {
    code,
    says: command.log.map(({ message }) => message).join("\n"),
    state: JSON.parse(command.stdout[0] ?? "null"),
  };
}

describe("drain", () => {
  test("drain works the queue until it is empty", async () => {
    const queue = server.model.queue(pair.name);
    for (let i = 0; i < 200; i += 1) {
      queue.send({ body: bodyFor(`succeeds.${i}`), groupId: `g${i}`, deduplicationId: `d${i}` });
    }
    const { code, summary, command } = await drain("--concurrency", "8");
    assert.equal(code, 0, command.tail());
    const { end, received, succeeded, failed, buried, approximately_left } = summary;
    assert.deepEqual([end, received, succeeded], ["empty", 200, 200]);
    assert.deepEqual([failed, buried, approximately_left], [0, 0, 0]);
    assert.deepEqual(await sqs.inspect(pair.name), []);
    assert.equal(command.count("drain.progress"), 1, "plain lines are few");
    assert.match(command.log.at(-1)?.message ?? "", /^the queue is empty: 200 succeeded/);
    assert.deepEqual(readdirSync(workers.home).includes("state"), false, "nobody is to make a drain quiet");
  });

  test("drain does all other steps and then exits with 1 when a step failed or was buried", async () => {
    for (const step of ["fails", "succeeds", "cannot_run"]) await send(step);
    const { code, summary } = await drain("--max-starts", "1");
    const { end, succeeded, failed, given_up, buried } = summary;
    assert.deepEqual([code, end, succeeded, failed, given_up, buried], [1, "empty", 1, 1, 1, 1]);
  });

  test("drain also ends steps that SQS itself moved to the dead letter queue", async () => {
    const strict = await createQueues(sqs, `strict-${workers.tests}`, { maxReceiveCount: 1 });
    const queue = server.model.queue(strict.deadLetterName);
    queue.send({ body: bodyFor("succeeds"), groupId: "g", deduplicationId: "d" });
    const { code, summary } = await drain("--queue-url", strict.url, "--max-starts", "1");
    assert.deepEqual([code, summary.end, summary.given_up], [1, "empty", 1]);
  });

  test("drain waits for messages that another worker holds, and reports the rest when its time is over", async () => {
    await send("blocks");
    const other = start("run", ["--wait-time", "1s", "--grace", "0s"]);
    await other.said("step.claimed");
    const { code, summary, command } = await drain("--max-time", "4s");
    const { end, received, approximately_left, approximately_in_flight } = summary;
    assert.deepEqual([code, end, received], [1, "max_time", 0], command.tail());
    assert.deepEqual([approximately_left, approximately_in_flight], [1, 1]);
    assert.match(command.log.at(-1)?.message ?? "", /not drained, the time is over: .*left: about 1 message,/);
  });

  test("drain counts a queue as empty once it looked so for as long as --settle says, and no sooner", async () => {
    const patient = await drain("--settle", "5s");
    assert.deepEqual([patient.code, patient.summary.end], [0, "empty"], patient.command.tail());
    assert.ok(patient.summary.seconds >= 5, `it was sure after ${patient.summary.seconds} s`);
    const late = await drain("--settle", "30s", "--max-time", "2s");
    assert.deepEqual([late.code, late.summary.end, late.summary.approximately_left], [1, "max_time", 0]);
    const usual = start("drain", ["--print-config"]);
    assert.equal((await usual.exit()).code, 0);
    assert.match(usual.stdout.join("\n"), /^--settle +60s +\(default\)$/m);
  });

  test("drain stops by a signal as run does, and exits with 1", async () => {
    await send("blocks");
    const command = start("drain", [...quick, "--grace", "0s"]);
    await command.said("step.claimed");
    command.signal("SIGTERM");
    assert.deepEqual(await command.exit(), { code: 1, signal: null });
    assert.equal(JSON.parse(command.stdout[0] ?? "").end, "stopped");
    assert.equal((await sqs.inspect(pair.name))[0]?.state, "visible");
  });

  test("drain reports a dependency that cannot be reached", async () => {
    const { code } = await drain("--ledger-url", "postgres://nobody@127.0.0.1:1/none");
    assert.equal(code, 3);
  });
});

describe("a request for quiet", () => {
  test("a request for quiet stops the worker from taking steps, waits until it is idle, and is undone", async () => {
    const port = await freePort();
    const worker = start("run", ["--wait-time", "1s", "--worker-id", "w-1", "--health-port", String(port)]);
    await worker.said("worker.started");
    await send("waits");
    await worker.said("step.claimed");
    const asked = await ask("quiet", "--json");
    assert.equal(asked.code, 0, asked.says);
    assert.match(asked.says, /worker w-1 is quiet, as .*@.* asked; 1 running step may finish/);
    assert.deepEqual([asked.state.worker, asked.state.busy, asked.state.idle], ["w-1", 1, false]);
    const ready = await fetch(`http://127.0.0.1:${port}/readyz`);
    const { why } = (await ready.json()) as { why: string };
    assert.equal(ready.status, 503);
    assert.match(why, /^quiet: .*@.* asked for it at /);
    await send("succeeds");
    const late = await ask("quiet", "--wait", "--max-time", "2s");
    assert.equal(late.code, 1);
    assert.match(late.says, /worker w-1 is not idle after 2s: 1 step still running; it stays quiet/);
    writeFileSync(join(workers.home, "log", "release"), "");
    const idle = await ask("quiet", "--wait", "--max-time", "60s");
    assert.equal(idle.code, 0, idle.says);
    assert.match(idle.says, /worker w-1 is idle/);
    const left = await sqs.inspect(pair.name);
    assert.deepEqual([left.length, left[0]?.state, worker.count("step.claimed")], [1, "visible", 1]);
    const resumed = await ask("resume", "--worker", "w-1");
    assert.equal(resumed.code, 0, resumed.says);
    await eventually("it takes steps again", async () => (await sqs.inspect(pair.name)).length === 0);
    worker.signal("SIGTERM");
    assert.deepEqual(await worker.exit(), { code: 0, signal: null });
    assert.deepEqual(readdirSync(join(workers.home, "state")), [], "nothing is left of it");
  });

  test("quiet finds no worker where there is none, forgets a killed one, and does not choose between two", async () => {
    const none = await ask("quiet");
    assert.equal(none.code, 3);
    assert.match(none.says, /no worker of this user runs on this machine/);
    const killed = start("run", ["--worker-id", "w-1"]);
    await killed.said("worker.started");
    await killed.kill();
    assert.equal((await ask("resume")).code, 3);
    for (const id of ["w-2", "w-3"]) {
      const worker = start("run", ["--worker-id", id, "--wait-time", "1s"]);
      await worker.said("worker.started");
    }
    assert.equal(readdirSync(join(workers.home, "state")).length, 2, "what the killed one left is taken away");
    const several = await ask("quiet");
    assert.equal(several.code, 2);
    assert.match(several.says, /several workers run on this machine: name one with --worker\n {2}w-\d\n {2}w-\d/);
    assert.equal((await ask("quiet", "--worker", "w-3")).code, 0);
  });

  test("quiet works by the flags of drain that it replaces, and says so", async () => {
    const worker = start("run", ["--worker-id", "w-4", "--wait-time", "1s"]);
    await worker.said("worker.started");
    for (const [flag, verb] of [
      ["--quiet-only", "quiet"],
      ["--resume", "resume"],
    ] as const) {
      const command = start("drain", [flag, "--worker-id", "w-4"]);
      assert.equal((await command.exit(60_000)).code, 0, command.tail());
      const replaced = `${flag} will be removed: use taskiq ${verb} --local instead`;
      assert.ok(command.log[0]?.message.includes(replaced), command.tail());
    }
    assert.deepEqual([worker.count("worker.quiet"), worker.count("worker.resumed")], [1, 1]);
  });
});
