// What is sent: messages as producers write them, and a register of who asked for what.

import type { QueueModel } from "../../cli/dev/sqs-server/queue-model.ts";
import { messageIdOf } from "../../cli/dev/sqs-server/stored-message.ts";
import { SIGNATURE_ATTRIBUTE, signatureOf, signedMessage, whyUnsigned } from "../../core/delivery/signature.ts";
import type { Message } from "../../core/queue/port.ts";
import { idempotencyKey, type StepId } from "../../core/step/step.ts";
import type { Scenario } from "./scenario.ts";
import type { GarbagePlan, RunPlan, StepPlan } from "./workload.ts";

/** One message of the source queue. */
export interface Sent {
  readonly id: string;
  /** Null: it names no step. */
  readonly step: StepId | null;
  readonly key: string | null;
  readonly form: StepPlan["form"] | "garbage";
  /** Sent by the hostile producer. */
  readonly hostile: boolean;
  /**
   * Of another Dagster instance, as far as a worker knows, or without the signature of a run
   * worker.
   */
  readonly strange: boolean;
  readonly body: string;
  /** FIFO order is kept within it; null on a standard queue. */
  readonly group: string | null;
}

export interface SentAttempt {
  readonly run: RunPlan;
  readonly step: StepPlan;
  readonly id: StepId;
}

export class Producer {
  readonly messages = new Map<string, Sent>();
  /** What run workers asked for. */
  readonly attempts = new Map<string, SentAttempt>();
  readonly #queue: QueueModel;
  readonly #steps: ReadonlyMap<string, StepPlan>;
  /** Identity of the Dagster instance, which run workers name. */
  readonly instance: string | null;
  readonly signed: boolean;
  readonly #nowMs: () => number;
  readonly #names = new Map<string, string>();

  constructor(queue: QueueModel, { runs, instance, signed }: Sending, nowMs: () => number) {
    this.#queue = queue;
    this.signed = signed;
    this.instance = instance;
    const steps = runs.flatMap((run) => run.steps.map((step) => [`${run.id}:${step.key}`, step] as const));
    this.#steps = new Map(steps);
    this.#nowMs = nowMs;
  }

  /** Answers the message, or the earlier one of which it is a duplicate. */
  send(run: RunPlan, step: StepPlan, attempt: number): Sent {
    const id = { runId: run.id, stepKey: step.key, attempt };
    const key = idempotencyKey(id);
    this.attempts.set(key, { run, step, id });
    const body = bodyOf(id, step, this.instance, this.#nowMs());
    return this.#put(body, step.group ?? `${run.id}:${step.key}`, key, {
      step: id,
      key,
      form: step.form,
      hostile: false,
      strange: false,
    });
  }

  /** By id or receipt: `r1:s2/m17`, the step's key and the message's number. */
  nameOf(receipt: string): string {
    const known = this.#names.get(receipt);
    if (known !== undefined) return known;
    const id = messageIdOf(receipt) ?? receipt;
    const name = `${this.messages.get(id)?.key ?? "garbage"}/m${Number(id.slice(-12))}`;
    this.#names.set(receipt, name);
    return name;
  }

  /** `null` means that its run lacks the step, or that the run does not exist. */
  planOf({ runId, stepKey }: Pick<StepId, "runId" | "stepKey">): StepPlan | null {
    return this.#steps.get(`${runId}:${stepKey}`) ?? null;
  }

  messageOf(receipt: string): Sent {
    const id = messageIdOf(receipt) ?? receipt;
    const sent = this.messages.get(id);
    if (sent === undefined) throw new Error(`nobody sent ${id}`);
    return sent;
  }

  /** Another body under the same key. */
  sendForgery(run: RunPlan, step: StepPlan): Sent {
    const id = { runId: run.id, stepKey: step.key, attempt: 0 };
    const key = idempotencyKey(id);
    this.attempts.set(key, { run, step, id });
    const body = bodyOf(id, { ...step, tags: { ...step.tags, forged: "yes" } }, this.instance, this.#nowMs());
    return this.#put(body, step.group ?? key, `${key} forged`.replace(" ", "-"), {
      step: id,
      key,
      form: step.form,
      hostile: false,
      strange: false,
    });
  }

  /** As the hostile producer writes it; `form`, tags and instance are its own. */
  sendHostile(id: StepId, step: StepPlan, { instance, strange, ...sending }: HostileSending): Sent {
    const about = { step: id, key: idempotencyKey(id), form: step.form, hostile: true, strange };
    return this.#put(bodyOf(id, step, instance, this.#nowMs()), sending.groupId, sending.deduplicationId, about);
  }

  sendGarbage({ id, body, group }: GarbagePlan): Sent {
    return this.#put(body, group, id, { step: null, key: null, form: "garbage", hostile: false, strange: false });
  }

  #put(body: string, groupId: string, deduplicationId: string, about: About): Sent {
    const { fifo } = this.#queue.settings;
    const isSigned = this.signed && !about.hostile && about.key !== null;
    const attributes = isSigned ? signed(body) : {};
    const { messageId } = this.#queue.send({ body, attributes, groupId, ...(fifo ? { deduplicationId } : {}) });
    const sent = this.messages.get(messageId) ?? { ...about, body, id: messageId, group: fifo ? groupId : null };
    this.messages.set(messageId, sent);
    return sent;
  }
}

type Sending = Pick<Scenario, "runs" | "instance" | "signed">;
/** What the workers' step hosts have, and what only newer ones support. */
export const WORKERS_DAGSTER = "1.13.27";
const NEWER_DAGSTER = "2.0.0";
export const SHARED_KEY = "a key that run workers and workers share";

function signed(body: string) {
  return { [SIGNATURE_ATTRIBUTE]: { dataType: "String", stringValue: signatureOf(body, SHARED_KEY) } };
}

type About = Pick<Sent, "step" | "key" | "form" | "hostile" | "strange">;

export interface HostileSending {
  readonly instance: string | null;
  readonly strange: boolean;
  readonly groupId: string;
  readonly deduplicationId: string;
}

function bodyOf(id: StepId, step: StepPlan, instance: string | null, nowMs: number): string {
  const bare = { run_id: id.runId, step_key: id.stepKey, op_name: id.stepKey, retry_count: id.attempt };
  const ours = {
    ...bare,
    version: 1,
    known_state: null,
    retry_mode: "deferred",
    on_fault: id.attempt < step.retries ? { retry_in: step.retryDelayMs / 1000 } : null,
    enqueued_at: nowMs / 1000,
    tags: step.tags,
    ...(instance === null ? {} : { instance }),
  };
  switch (step.form) {
    case "ours":
      return JSON.stringify(ours);
    case "bare":
      return JSON.stringify(bare);
    case "taskiq":
      return JSON.stringify({ task_id: "t", task_name: "n", args: [ours], kwargs: {} });
    case "malformed":
      return JSON.stringify({ ...ours, tags: 7 });
    case "newer":
      return JSON.stringify(isOdd(id.runId) ? { ...ours, version: 2 } : { ...ours, dagster: NEWER_DAGSTER });
  }
}

/**
 * Chooses between the two kinds of newer messages: by chance, but the same for a run whatever else
 * happens.
 */
function isOdd(runId: string): boolean {
  return [...runId].reduce((sum, char) => sum + char.charCodeAt(0), 0) % 2 === 1;
}

/** A newer worker reads it, by the signature of what was sent. */
export function asNewerWorker(message: Message): Message {
  const body = message.body.replace('"version":2', '"version":1').replace(NEWER_DAGSTER, WORKERS_DAGSTER);
  const wasSigned = whyUnsigned(message, [SHARED_KEY]) === null;
  return body === message.body || !wasSigned ? { ...message, body } : signedMessage(message, body, SHARED_KEY);
}
