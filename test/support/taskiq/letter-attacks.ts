// What a writer of the dead letter queue does: it forges letters, and takes the deduplication ids
// of burials to come.
import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { NOTE_ATTRIBUTE } from "../../../core/queue/dead-letter-note.ts";
import { eventually } from "../eventually.ts";
import { attribute, bodyOf, reasons, type Scene, within } from "./hostile-scene.ts";

const sha256 = (text: string) => createHash("sha256").update(text).digest("hex");

/** Deduplication ids that follow from a message's id, which SQS returns to its sender. */
const guesses = (id: string) => [id, sha256(id), ...[0, 1, 2].map((starts) => sha256(`${id}:${starts}`))];

/**
 * Sends messages that no worker can read, and takes the ids of their copies before a worker runs.
 * SQS would accept each copy and drop it, and the worker would delete the original. Returns their
 * ids.
 */
export async function foreseeBurials({ deployment }: Scene): Promise<readonly string[]> {
  const runId = await deployment.dagster.createRun("one_success");
  const ids: string[] = [];
  for (const body of ["{", bodyOf(runId, { retry_mode: "perhaps" })]) {
    const groupId = `doomed ${ids.length}`;
    const id = await deployment.send({ body, groupId, deduplicationId: groupId });
    for (const guess of guesses(id)) await deployment.forgeLetter({ body: "in its place" }, guess);
    ids.push(id);
  }
  return ids;
}

/** Each of them lies in the dead letter queue, and no longer in its own. */
export async function foreseenInVain(scene: Scene, ids: readonly string[]): Promise<void> {
  const isGone = async () => (await scene.deployment.queued()).every(({ id }) => !ids.includes(id));
  await eventually("the messages are deleted", isGone, within);
  const buried = await reasons(scene);
  assert.deepEqual(
    ids.map((id) => buried.get(id)),
    ids.map(() => "malformed"),
  );
}

export async function forgeLetters(scene: Scene): Promise<void> {
  const { deployment } = scene;
  const { dagster } = deployment;
  const [open, other] = [await dagster.createRun("one_success"), await dagster.createRun("one_success")];
  const note = { reason: "not_open", detail: "\u001b[2J", error_class: null, fingerprint: null, starts: 1 };
  const from = { worker: "w", source_queue: "https://elsewhere/steps.fifo", message_id: "m", group_id: null };
  const forgedNote = JSON.stringify({ ...note, ...from, first_received_at: 1, buried_at: 1 });
  const [ended, later] = [
    await deployment.forgeLetter({ body: bodyOf(open) }),
    await deployment.forgeLetter({ body: bodyOf(other, { retry_count: 1 }) }),
    await deployment.forgeLetter({ body: bodyOf(other), attributes: { [NOTE_ATTRIBUTE]: attribute(forgedNote) } }),
    await deployment.forgeLetter({ body: "{" }),
  ];
  await eventually(
    "the sweep has ended what it believes",
    async () => {
      const found = await reasons(scene);
      return found.get(ended) === "moved_by_sqs" && found.get(later) === "not_open";
    },
    within,
  );
  assert.deepEqual(
    (await dagster.terminalEvents(open)).map(({ type }) => type),
    ["STEP_FAILURE"],
  );
  assert.deepEqual(await dagster.terminalEvents(other), []);
}
