// Writers of the queue and of the dead letter queue against a worker, on each ledger, through the
// real queue, step host and Dagster. They send every message of `test/support/sqs/attacks.ts` at
// once while a genuine step runs, and forged letters. They do it again once the workers have a key.
import assert from "node:assert/strict";
import { randomUUID } from "node:crypto";
import { readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { test } from "node:test";
import { SIGNATURE_ATTRIBUTE, signatureOf } from "../../core/delivery/signature.ts";
import { PYTHON } from "../support/dagster/dagster-sidecar.ts";
import { eventually } from "../support/eventually.ts";
import { type Attack, attacks, type Victims } from "../support/sqs/attacks.ts";
import { endUnstartedStep, makeStepWait, standInItsGroup } from "../support/taskiq/allowed-attacks.ts";
import { announced, Deployment } from "../support/taskiq/deployment.ts";
import {
  attribute,
  bodyOf,
  ledgers,
  reasons,
  type Scene,
  startWorker,
  within,
} from "../support/taskiq/hostile-scene.ts";
import { foreseeBurials, foreseenInVain, forgeLetters } from "../support/taskiq/letter-attacks.ts";
import { runTaskiq } from "../support/taskiq/run-taskiq.ts";
import type { WorkerProcess } from "../support/taskiq/worker-process.ts";

const key = "0123456789abcdef".repeat(2);

/** Sends all at once, each in a group of its own; answers which message is which attack. */
async function sendAll({ deployment }: Scene, victims: Victims): Promise<ReadonlyMap<string, Attack>> {
  const send = async (attack: Attack) => {
    const message = { body: attack.body(victims), groupId: randomUUID(), deduplicationId: randomUUID() };
    return [await deployment.send(message), attack] as const;
  };
  return new Map(await Promise.all(attacks.map(send)));
}

/**
 * By title: how a delivery ended, or the reason of its burial. `null` while it waits for the step
 * that runs.
 */
async function ends(scene: Scene, worker: WorkerProcess, sent: ReadonlyMap<string, Attack>) {
  const buried = await reasons(scene);
  const done = new Map(
    worker.log.filter(({ event }) => event === "delivery.done").map((one) => [one["message_id"], one["disposition"]]),
  );
  const endOf = (id: string) => (done.get(id) === "buried" ? buried.get(id) : done.get(id)) ?? null;
  return Object.fromEntries([...sent].map(([id, { title }]) => [title, endOf(id)]));
}

async function attackRunningStep(scene: Scene, worker: WorkerProcess): Promise<void> {
  const { deployment, rows } = scene;
  const { dagster } = deployment;
  const { started, release, trace } = deployment.files();
  writeFileSync(trace, "raise SystemExit");
  const mapped = await dagster.createRun("dynamic", { ops: { split: { config: { parts: 1 } } } });
  const config = { started, release, timeout_seconds: 600 };
  const running = await dagster.launch("waits_for_file", { ops: { wait: { config } } });
  await announced(started);
  const sent = await sendAll(scene, { running, mapped, trap: trace });
  const isHeard = (id: string) =>
    worker.log.some(({ event, message_id }) => /^delivery.(?:done|held)$/.test(event) && message_id === id);
  await eventually("each has its end, or waits for the step", () => [...sent.keys()].every(isHeard), within);
  writeFileSync(release, "");
  assert.equal(await dagster.finished(running), "SUCCESS");
  const expected = Object.fromEntries(attacks.map(({ title, end }) => [title, end]));
  const isOver = async () => Object.values(await ends(scene, worker, sent)).every((end) => end !== null);
  await eventually("each has its end", isOver, within);
  assert.deepEqual(await ends(scene, worker, sent), expected);

  const terminal = async (runId: string) =>
    (await dagster.terminalEvents(runId)).map(({ step, type }) => `${step} ${type}`);
  assert.deepEqual([await terminal(running), await terminal(mapped)], [["wait STEP_SUCCESS"], []]);
  assert.deepEqual(
    (await rows(running)).filter((row) => /^wait .* (?!pending)\w+ [1-9]/.test(row)),
    ["wait 0 completed 1"],
  );
  assert.deepEqual(
    (await dagster.eventsOf(running, "wait")).filter((type) => type === "STEP_START"),
    ["STEP_START"],
  );
  const ran = (await dagster.records(mapped)).filter(({ type }) => type === "STEP_START");
  assert.deepEqual([ran, readdirSync(dirname(trace))], [[], ["release", "started", "trace"]]);
  for (const event of ["intake.closed", "delivery.bug", "worker.bug", "host.lost"])
    assert.equal(worker.count(event), 0, event);
}

function replay({ deployment, ledgerEnv }: Scene, command: string, args: readonly string[], envelopeKey = "") {
  const env = { ...deployment.env, ...ledgerEnv, TASKIQ_PYTHON: PYTHON, TASKIQ_ENVELOPE_KEY: envelopeKey };
  return runTaskiq([command, ...args], env);
}

async function attackWithKey(scene: Scene): Promise<void> {
  const { deployment, rows } = scene;
  const { dagster } = deployment;
  const runId = await dagster.createRun("one_success");
  const signed = bodyOf(runId);
  const signature = { [SIGNATURE_ATTRIBUTE]: attribute(signatureOf(signed, key)) };
  const edited = bodyOf(runId, { tags: { "taskiq/timeout": "1s" } });
  const [swept, letter] = [
    await deployment.forgeLetter({ body: bodyOf(runId) }),
    await deployment.forgeLetter({ body: edited, attributes: signature }),
  ];
  const sent = await sendAll(scene, { running: runId, mapped: runId, trap: "trap" });
  await eventually(
    "all are buried as unsigned",
    async () => {
      const found = await reasons(scene);
      return [...sent.keys(), swept, letter].every((id) => found.get(id) === "unsigned");
    },
    within,
  );
  const genuine = await dagster.launch("one_success");
  assert.equal(await dagster.finished(genuine), "SUCCESS");
  assert.deepEqual([await rows(runId), await dagster.terminalEvents(runId)], [[], []]);
  await replayEdited(scene, { runId, letter, edited, signed });
}

/**
 * Copies of a message that a run worker signed: the first runs the attempt, which is open. Later
 * ones find it over.
 */
async function sendCopies({ deployment, rows }: Scene, worker: WorkerProcess): Promise<void> {
  const { dagster } = deployment;
  const runId = await dagster.createRun("one_success");
  const body = bodyOf(runId);
  const attributes = { [SIGNATURE_ATTRIBUTE]: attribute(signatureOf(body, key)) };
  for (let copy = 0; copy < 2; copy += 1) {
    const id = await deployment.send({ body, attributes, groupId: randomUUID(), deduplicationId: randomUUID() });
    const done = await worker.said("delivery.done", ({ message_id }) => message_id === id, within);
    assert.equal(done["disposition"], "acked");
  }
  const types = (await dagster.eventsOf(runId, "succeed")).filter((type) => /^STEP_(START|SUCCESS)$/.test(type));
  assert.deepEqual([types, await rows(runId)], [["STEP_START", "STEP_SUCCESS"], ["succeed 0 completed 1"]]);
}

interface EditedLetter {
  readonly runId: string;
  readonly letter: string;
  readonly edited: string;
  readonly signed: string;
}

/**
 * An operator without the key puts nothing back; one with it puts back what stands in the file, and
 * it runs.
 */
async function replayEdited(scene: Scene, { runId, letter, edited, signed }: EditedLetter): Promise<void> {
  const { dagster } = scene.deployment;
  const file = join(scene.deployment.home, `${letter}.jsonl`);
  // The sweep, which looks each second, hides letters for a moment.
  const isMine = (line: string) => line.includes(JSON.stringify(edited));
  const lines = await eventually("the letter is exported", async () => {
    rmSync(file, { force: true });
    const listed = await replay(scene, "inspect-dlq", ["--run", runId, "--export", file], key);
    assert.equal(listed.code, 0, listed.stderr);
    const exported = readFileSync(file, "utf8").split("\n");
    return exported.some(isMine) ? exported : null;
  });
  const mine = lines.filter((line) => line.includes("taskiq_export") || isMine(line));
  writeFileSync(file, `${mine.join("\n").replace(JSON.stringify(edited), () => JSON.stringify(signed))}\n`);
  const yes = ["--file", file, "--allow-edit", "--yes", "--why", "test", "--json"];
  for (const [ofOperator, plan] of [
    ["", "refuse"],
    [key, "send"],
  ] as const) {
    assert.deepEqual(await scene.rows(runId), []);
    const seen = async () => (await replay(scene, "replay", yes, ofOperator)).stdout || null;
    const stdout = await eventually("the letter is dealt with", seen, within);
    assert.equal(JSON.parse(stdout).plan, plan, stdout);
  }
  await eventually("it runs", async () => (await dagster.terminalEvents(runId))[0]?.type === "STEP_SUCCESS", within);
}

for (const [name, open] of Object.entries(ledgers)) {
  test(`hostile messages have only their documented effects with a ledger on ${name}`, {
    concurrency: 2,
  }, async (t) => {
    const deployment = await Deployment.open(50, { TASKIQ_ENVELOPE_KEY: key });
    t.after(() => deployment.close());
    const scene = await open(t, deployment);
    const doomed = await foreseeBurials(scene);
    const worker = await startWorker(scene, "");
    await t.test("a writer of the dead letter queue who foresees burials makes SQS drop none", () =>
      foreseenInVain(scene, doomed),
    );
    await t.test("a queue writer can make a step wait, behind a message that workers give back for minutes", () =>
      standInItsGroup(scene, worker),
    );
    await t.test("a queue writer can end an open step that no worker has started", () => endUnstartedStep(scene));
    // Both wait for a lease of ten seconds.
    await Promise.all([
      t.test("a queue writer can make a step wait, for as long as its own message is at work", () =>
        makeStepWait(scene, worker),
      ),
      t.test("a queue writer ends no running step, starts no other, and stops no worker", () =>
        attackRunningStep(scene, worker),
      ),
    ]);
    await t.test("a forged letter ends the open step that it names, and nothing that is not open", () =>
      forgeLetters(scene),
    );
    assert.deepEqual(await worker.stop(), { code: 0, signal: null });
    const keyed = await startWorker(scene, `${"x".repeat(32)},${key}`);
    await t.test("a worker with a key runs what run workers signed, and buries what others send", () =>
      attackWithKey(scene),
    );
    await t.test("a copy of a signed message runs an attempt that is open, and no other", () =>
      sendCopies(scene, keyed),
    );
    assert.doesNotMatch(keyed.stdout + JSON.stringify(keyed.log), new RegExp(key));
    assert.deepEqual(await keyed.stop(), { code: 0, signal: null });
  });
}
