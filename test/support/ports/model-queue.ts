// The queue port straight onto the model of SQS, without HTTP and the SDK: for simulations, where a
// million requests must be cheap.

import { receiveOrWait } from "../../../cli/dev/sqs-server/long-poll.ts";
import type { QueueModel } from "../../../cli/dev/sqs-server/queue-model.ts";
import { Refusal } from "../../../cli/dev/sqs-server/refusal.ts";
import type { MessageView } from "../../../cli/dev/sqs-server/stored-message.ts";
import type { Clock } from "../../../core/clock.ts";
import { Fault } from "../../../core/faults.ts";
import { unlessAborted } from "../../../core/on-abort.ts";
import {
  type Burial,
  deadLetterAttributes,
  isMovedBySqs,
  producerAttributes,
} from "../../../core/queue/dead-letter-note.ts";
import type {
  DeadLetterQueue,
  DeadLetterReason,
  EntryResult,
  Extension,
  Message,
  Queue,
  QueueDepth,
  QueueFacts,
  ReceiveOptions,
  Resent,
} from "../../../core/queue/port.ts";
import { troubleFrom } from "../../../core/queue/sqs/errors.ts";

export interface ModelQueueOptions {
  readonly source: QueueModel;
  /** Null: the queue has none. */
  readonly deadLetters: QueueModel | null;
  readonly clock: Clock;
}

const never = new AbortController().signal;
let receives = 0;

export class ModelQueue implements Queue {
  readonly fifo: boolean;
  readonly #source: QueueModel;
  readonly #deadLetters: QueueModel | null;
  readonly #clock: Clock;

  constructor({ source, deadLetters, clock }: ModelQueueOptions) {
    this.#source = source;
    this.fifo = source.settings.fifo;
    this.#deadLetters = deadLetters;
    this.#clock = clock;
  }

  async describe(): Promise<QueueFacts> {
    const { fifo, redrive, retentionMs } = this.#source.settings;
    return {
      url: this.#source.arn,
      fifo,
      deadLetterUrl: this.#deadLetters?.arn ?? null,
      maxReceiveCount: redrive?.maxReceiveCount ?? null,
      retentionMs,
    };
  }

  /** A receive that is cut goes on waiting, and taking messages, as it does at SQS. */
  async receive({ max, waitMs, visibilityMs, cut = never }: ReceiveOptions): Promise<readonly Message[]> {
    receives += 1;
    const receiving = { max, visibilityMs, ...(this.fifo ? { attemptId: `receive-${receives}` } : {}) };
    const waiting = { waitMs, clock: this.#clock, stopped: never };
    const answer = await unlessAborted(cut, receiveOrWait(this.#source, receiving, waiting));
    const views = answer ?? (this.fifo ? this.#source.receive(receiving) : []);
    return views.map(messageOf);
  }

  async extend(extensions: readonly Extension[]): Promise<readonly EntryResult[]> {
    return extensions.map(({ receipt, visibilityMs }) =>
      endOf(() => this.#source.changeVisibility(receipt, Math.ceil(visibilityMs / 1000) * 1000)),
    );
  }

  async ack(receipts: readonly string[]): Promise<readonly EntryResult[]> {
    return receipts.map((receipt) => endOf(() => this.#source.delete(receipt)));
  }

  async bury(message: Message, reason: DeadLetterReason, deduplicationId: string): Promise<void> {
    const sourceUrl = this.#source.arn;
    const target = this.#deadLetters;
    if (target === null) {
      throw new Fault("TQ_CONFIG", `the queue ${sourceUrl} has no dead letter queue to bury message ${message.id} in`, {
        hint: "Give the queue a redrive policy, or name its dead letter queue.",
      });
    }
    sendCopy(target, { message, reason, sourceUrl, buriedAtMs: this.#clock.wallMs() }, deduplicationId);
  }

  async depth(): Promise<QueueDepth> {
    const states = this.#source.inspect().map(({ state }) => state);
    const count = (state: string) => states.filter((other) => other === state).length;
    return { visible: count("visible"), inFlight: count("in_flight"), delayed: count("delayed") };
  }

  async deadLetters(): Promise<DeadLetterQueue | null> {
    const letters = this.#deadLetters;
    if (letters === null) return null;
    const queue = new ModelQueue({ source: letters, deadLetters: null, clock: this.#clock });
    const sourceUrl = this.#source.arn;
    return {
      url: letters.arn,
      sourceUrl,
      isMoved: (message) => isMovedBySqs(message, this.#source.arn),
      redrives: letters.settings.redrive !== null,
      retentionMs: letters.settings.retentionMs,
      receive: (options) => queue.receive(options),
      extend: (extensions) => queue.extend(extensions),
      ack: (receipts) => queue.ack(receipts),
      depth: () => queue.depth(),
      resend: async (copies) =>
        copies.map(({ letter, body, groupId, deduplicationId: id }) => {
          const deduplicationId = this.#source.settings.fifo ? id : null;
          const sending = { body, attributes: producerAttributes(letter), groupId, deduplicationId };
          return sentOrRefused(() => this.#source.send(sending).messageId);
        }),
      bury: async (message, reason, deduplicationId) =>
        sendCopy(letters, { message, reason, sourceUrl, buriedAtMs: this.#clock.wallMs() }, deduplicationId),
    };
  }

  async close(): Promise<void> {
    // Nothing is open.
  }
}

function sentOrRefused(send: () => string): Resent {
  try {
    return { kind: "sent", messageId: send() };
  } catch (error) {
    if (error instanceof Refusal) return { kind: "failed" };
    throw error;
  }
}

/** As the SQS adapter has it: the copy is a group of its own. */
function sendCopy(target: QueueModel, burial: Burial, id: string): void {
  const { message } = burial;
  const { attributes, note } = deadLetterAttributes(burial);
  const deduplicationId = target.settings.fifo ? id : null;
  const groupId = note === "left_out" ? message.groupId : (deduplicationId ?? message.groupId);
  target.send({ body: message.body, attributes, groupId, deduplicationId });
}

function messageOf(view: MessageView): Message {
  const { id, body, groupId, deduplicationId, receiveCount, sentAtMs, firstReceivedAtMs, attributes, receive } = view;
  const movedFrom = view.deadLetterSourceArn === null ? {} : { movedFrom: view.deadLetterSourceArn };
  if (receive === null || firstReceivedAtMs === null) throw new Error(`message ${id} was handed out without a receive`);
  const { receipt } = receive;
  return {
    id,
    receipt,
    body,
    groupId,
    deduplicationId,
    receiveCount,
    sentAtMs,
    firstReceivedAtMs,
    attributes,
    ...movedFrom,
  };
}

function endOf(act: () => void): EntryResult {
  try {
    act();
    return "done";
  } catch (error) {
    if (!(error instanceof Refusal)) throw error;
    const symptoms = { codes: [error.legacyCode], message: error.message, status: null };
    return troubleFrom(symptoms) === "gone" ? "gone" : "failed";
  }
}
