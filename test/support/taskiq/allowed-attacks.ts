// What docs/security.md says that a queue writer can do to an open step: make it wait, and end it
// before any worker has started it.
import assert from "node:assert/strict";
import { randomUUID } from "node:crypto";
import { writeFileSync } from "node:fs";
import { eventually } from "../eventually.ts";
import { announced } from "./deployment.ts";
import { bodyOf, reasons, type Scene, within } from "./hostile-scene.ts";
import type { WorkerProcess } from "./worker-process.ts";

const send = ({ deployment }: Scene, body: string, groupId: string = randomUUID()) =>
  deployment.send({ body, groupId, deduplicationId: randomUUID() });

/**
 * The step's message waits while a first message runs the step, and is deleted once that has ended
 * it.
 */
export async function makeStepWait(scene: Scene, worker: WorkerProcess): Promise<void> {
  const { deployment, rows } = scene;
  const { dagster } = deployment;
  const { started, release } = deployment.files();
  const config = { started, release, timeout_seconds: 600 };
  const runId = await dagster.createRun("waits_for_file", { ops: { wait: { config } } });
  const genuine = bodyOf(runId, { step_key: "wait" });
  const first = bodyOf(runId, { step_key: "wait", tags: { "taskiq/timeout": "1h" }, job: "forged" });
  await send(scene, first);
  await announced(started);
  const waiting = [await send(scene, genuine), await send(scene, genuine), await send(scene, first)];
  for (const id of waiting) await worker.said("delivery.held", ({ message_id }) => message_id === id, within);
  writeFileSync(release, "");
  for (const id of waiting) {
    const done = await worker.said("delivery.done", ({ message_id }) => message_id === id, within);
    assert.equal(done["disposition"], "acked");
  }
  assert.deepEqual(
    (await dagster.eventsOf(runId, "wait")).filter((type) => type === "STEP_START" || type === "STEP_SUCCESS"),
    ["STEP_START", "STEP_SUCCESS"],
  );
  assert.deepEqual(await rows(runId), ["wait 0 completed 1"]);
  const jobs = worker.log.flatMap(({ event, run_id, job }) =>
    run_id === runId && /^step\.(claimed|ended)$/.test(event) ? [job] : [],
  );
  assert.deepEqual(jobs, ["forged", "waits_for_file"]);
}

/**
 * A message that every worker gives back for minutes stands before the step's own in its FIFO
 * group.
 */
export async function standInItsGroup(scene: Scene, worker: WorkerProcess): Promise<void> {
  const { deployment } = scene;
  const [behind, elsewhere] = [
    await deployment.dagster.createRun("one_success"),
    await deployment.dagster.createRun("one_success"),
  ];
  const group = randomUUID();
  const ahead = await send(scene, bodyOf(behind, { version: 99 }), group);
  const hidden = await send(scene, bodyOf(behind), group);
  const released = await worker.said("delivery.released", ({ message_id }) => message_id === ahead, within);
  assert.equal(released["visibility_ms"], 300_000);
  const later = await send(scene, bodyOf(elsewhere));
  await worker.said("delivery.done", ({ message_id }) => message_id === later, within);
  const left = (await deployment.queued()).find(({ id }) => id === hidden);
  assert.deepEqual([left?.receiveCount, await scene.rows(behind)], [0, []]);
}

/** A body that no decoder takes, but of which the run and the step can be read. */
export async function endUnstartedStep(scene: Scene): Promise<void> {
  const { dagster } = scene.deployment;
  const runId = await dagster.createRun("one_success");
  const id = await send(scene, bodyOf(runId, { retry_mode: "perhaps" }));
  await eventually("it is buried", async () => (await reasons(scene)).get(id) === "malformed", within);
  const types = (await dagster.terminalEvents(runId)).map(({ type }) => type);
  assert.deepEqual([types, await scene.rows(runId)], [["STEP_FAILURE"], ["succeed 0 dead 1"]]);
}
