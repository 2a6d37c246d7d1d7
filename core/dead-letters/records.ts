// Dead letters as programs read them: one JSON object each, and the file they are exported to.
import { Buffer } from "node:buffer";
import { createHash } from "node:crypto";
import { printableJson } from "../formats/printable.ts";
import { producerAttributes } from "../queue/dead-letter-note.ts";
import type { MessageAttribute } from "../queue/port.ts";
import type { LetterGroup } from "./groups.ts";
import type { DeadLetter } from "./letter.ts";
import type { JoinedLetter } from "./verdict.ts";

/** Field names are those of the wire. Times are Unix seconds. */
export function letterRecord({ letter, row, standing, verdict }: JoinedLetter) {
  const { message, step, burial } = letter;
  return {
    message_id: message.id,
    key: letter.key,
    run_id: step?.runId ?? null,
    step_key: step?.stepKey ?? null,
    attempt: step?.attempt ?? null,
    job: standing?.run?.job ?? null,
    reason: letter.reason,
    detail: letter.detail,
    error_class: letter.errorClass,
    fingerprint: letter.fingerprint,
    worker: burial?.worker ?? null,
    starts: burial?.starts ?? null,
    moved_by_sqs: burial === null,
    buried_message_id: burial?.messageId ?? null,
    source_queue: burial?.sourceUrl ?? message.movedFrom ?? null,
    group_id: letter.groupId,
    since: letter.sinceMs / 1_000,
    expires_at: letter.expiresAtMs === null ? null : letter.expiresAtMs / 1_000,
    receive_count: message.receiveCount,
    ledger: row === null ? null : { state: row.state, starts: row.starts, owner: row.owner, outcome: row.outcome },
    run: standing?.run == null ? null : { status: standing.run.status, goes_on: standing.run.goesOn },
    ended: standing?.ended ?? null,
    began: standing?.began ?? null,
    verdict: verdict.kind,
    act: verdict.act,
    words: verdict.words,
  };
}

export function groupRecord(group: LetterGroup) {
  return {
    fingerprint: group.fingerprint,
    reason: group.reason,
    error_class: group.errorClass,
    title: group.title,
    count: group.count,
    steps: group.steps,
    verdicts: group.verdicts,
    oldest: group.oldestMs / 1_000,
    newest: group.newestMs / 1_000,
    soonest_expiry: group.soonestExpiryMs === null ? null : group.soonestExpiryMs / 1_000,
    example_id: group.exampleId,
  };
}

/**
 * Returns JSON lines. Each is a record with its body, the producer's attributes, and the body's
 * SHA-256, which shows an edited body. The last line has the number of records and the SHA-256
 * (hex) of all bytes before it.
 */
export function exportText(letters: readonly JoinedLetter[]): string {
  const lines = letters.map((joined) => {
    const { message } = joined.letter;
    const exported = {
      ...letterRecord(joined),
      body: message.body,
      body_sha256: sha256(message.body),
      attributes: Object.fromEntries(Object.entries(producerAttributes(message)).map(exportedAttribute)),
    };
    return `${printableJson(exported)}\n`;
  });
  const text = lines.join("");
  return `${text}${printableJson({ taskiq_export: 1, count: letters.length, sha256: sha256(text) })}\n`;
}

/** The producer's attributes, beside the body. */
export function attributeNames({ message }: DeadLetter): readonly string[] {
  return Object.keys(producerAttributes(message));
}

function exportedAttribute([name, { dataType, stringValue, binaryValue }]: [string, MessageAttribute]) {
  const binary = binaryValue === undefined ? {} : { binary_value: Buffer.from(binaryValue).toString("base64") };
  const text = stringValue === undefined ? {} : { string_value: stringValue };
  return [name, { data_type: dataType, ...text, ...binary }] as const;
}

function sha256(text: string): string {
  return createHash("sha256").update(text).digest("hex");
}
