// One queue's rules. Pure bookkeeping over an injected clock, deterministic and synchronous. The
// HTTP server uses it and, without the server, simulations. Each rule says where SQS states it. The
// "service model" is the API description that AWS publishes.
import { Deduplication } from "./deduplication.ts";
import { deliverable } from "./deliverable.ts";
import type { QueueSettings } from "./queue-settings.ts";
import { ReceiveAttempts } from "./receive-attempts.ts";
import { checkAttemptId, checkMax, checkTotalVisibility, checkVisibility, type Receiving } from "./receiving.ts";
import { expiredReceipt, invalidParameter, Refusal } from "./refusal.ts";
import { checkSending, deduplicationIdOf, type Sending } from "./sending.ts";
import { type MessageView, messageIdOf, receiptFor, type StoredMessage, stateOf } from "./stored-message.ts";

export interface QueueSurroundings {
  readonly arn: string;
  readonly nowMs: () => number;
  readonly nextMessageId: () => string;
  /** The queue that the redrive policy points to. */
  readonly deadLetterQueue: (arn: string) => QueueModel | null;
  /** Some 120,000 on AWS (service model: ChangeMessageVisibility). */
  readonly inFlightLimit: number;
}

export class QueueModel {
  settings: QueueSettings;
  readonly #around: QueueSurroundings;
  readonly #deduplication = new Deduplication();
  readonly #attempts = new ReceiveAttempts();
  readonly #listeners = new Set<() => void>();
  #messages: StoredMessage[] = [];
  #sequence = 0;
  #receives = 0;

  constructor(settings: QueueSettings, around: QueueSurroundings) {
    this.settings = settings;
    this.#around = around;
  }

  get arn(): string {
    return this.#around.arn;
  }

  /** A FIFO duplicate is accepted and dropped, and answered with what was sent first. */
  send(sending: Sending): { readonly messageId: string; readonly sequence: number } {
    const nowMs = this.#now();
    checkSending(this.settings, sending);
    const deduplicationId = deduplicationIdOf(this.settings, sending);
    const earlier = deduplicationId === null ? null : this.#deduplication.find(deduplicationId, nowMs);
    if (earlier !== null) return earlier;
    const message: StoredMessage = {
      id: this.#around.nextMessageId(),
      body: sending.body,
      attributes: sending.attributes ?? {},
      groupId: sending.groupId ?? null,
      deduplicationId,
      sequence: this.#nextSequence(),
      sentAtMs: nowMs,
      retainedFromMs: nowMs,
      deadLetterSourceArn: null,
      visibleAtMs: nowMs + (sending.delayMs ?? this.settings.delayMs),
      receiveCount: 0,
      firstReceivedAtMs: null,
      receive: null,
    };
    return this.#add(message, nowMs);
  }

  receive(receiving: Receiving): readonly MessageView[] {
    const nowMs = this.#now();
    const { max, attemptId = null } = receiving;
    const visibilityMs = receiving.visibilityMs ?? this.settings.visibilityMs;
    checkMax(max);
    checkVisibility(visibilityMs);
    checkAttemptId(this.settings, attemptId);
    const replayed = attemptId === null ? null : this.#attempts.replay(attemptId, this.#inFlight(), nowMs);
    const messages = replayed ?? this.#takeUpTo(max, nowMs);
    for (const message of messages) message.visibleAtMs = nowMs + visibilityMs;
    if (attemptId !== null) this.#attempts.remember(attemptId, messages, nowMs);
    return messages.map((message) => this.#view(message));
  }

  /** Succeeds for a message that is gone already. */
  delete(receipt: string): void {
    const message = this.#find(receipt);
    if (message === null) return;
    const current = message.receive?.receipt === receipt;
    // "If you use an old receipt handle, the request will succeed, but the message might not be
    // deleted" (service model: DeleteMessage).
    if (!current && !this.settings.fifo) return;
    // On FIFO, "tries to delete … after the visibility timeout expires, the action fails with an
    // error" (service model: ReceiveMessage).
    const expired = this.settings.fifo && (!current || stateOf(message, this.#now()) !== "in_flight");
    if (expired) throw expiredReceipt(receipt);
    this.#attempts.forget(receipt);
    this.#remove(message);
    this.#tellChange();
  }

  /** Counts from now. */
  changeVisibility(receipt: string, visibilityMs: number): void {
    checkVisibility(visibilityMs);
    const message = this.#find(receipt);
    if (message === null) {
      throw invalidParameter(
        "ReceiptHandle",
        receipt,
        "Message does not exist or is not available for visibility timeout change.",
      );
    }
    if (message.receive?.receipt !== receipt) throw expiredReceipt(receipt);
    const nowMs = this.#now();
    if (stateOf(message, nowMs) !== "in_flight") {
      throw new Refusal("MessageNotInflight", "The specified message isn't in flight.");
    }
    checkTotalVisibility(nowMs + visibilityMs - message.receive.atMs, visibilityMs);
    this.#attempts.forget(receipt);
    message.visibleAtMs = nowMs + visibilityMs;
    this.#tellChange();
  }

  /**
   * Shows a message in flight to the next receive as well, its receipt still good: a standard queue
   * may deliver more than once.
   */
  deliverAgain(messageId: string): void {
    const message = this.#messages.find(({ id }) => id === messageId);
    if (message === undefined) throw new Error(`no message ${messageId} in ${this.arn}`);
    message.visibleAtMs = this.#now();
    this.#tellChange();
  }

  purge(): void {
    this.#messages = [];
  }

  /** Every message, in order of arrival, without receiving any. */
  inspect(): readonly MessageView[] {
    this.#expire();
    return this.#messages.map((message) => this.#view(message));
  }

  /** When the next hidden message shows itself; null when none is hidden. */
  nextVisibleAtMs(): number | null {
    const hidden = this.#messages.map(({ visibleAtMs }) => visibleAtMs).filter((atMs) => atMs > this.#now());
    return hidden.length === 0 ? null : Math.min(...hidden);
  }

  /** Called after every change that may let a receive find something. Answers how to stop. */
  onChange(listener: () => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  #takeUpTo(max: number, nowMs: number): StoredMessage[] {
    this.#expire();
    const room = this.#around.inFlightLimit - this.#inFlight().length;
    // Standard queues answer OverLimit, FIFO queues just hand out nothing (service model:
    // ChangeMessageVisibility).
    if (room <= 0 && !this.settings.fifo) throw new Refusal("OverLimit", "Too many messages in flight.");
    const taken: StoredMessage[] = [];
    for (const message of deliverable(this.#messages, this.settings.fifo, nowMs)) {
      if (taken.length >= Math.min(max, room)) break;
      if (this.#redrive(message, nowMs)) continue;
      this.#take(message, nowMs);
      taken.push(message);
    }
    return taken;
  }

  #take(message: StoredMessage, nowMs: number): void {
    this.#receives += 1;
    message.receiveCount += 1;
    message.firstReceivedAtMs ??= nowMs;
    message.receive = { receipt: receiptFor(message.id, this.#receives), atMs: nowMs };
  }

  // Moved once the count would exceed maxReceiveCount, so by the next receive and not by the end of
  // a visibility (service model: CreateQueue).
  #redrive(message: StoredMessage, nowMs: number): boolean {
    const { redrive } = this.settings;
    if (redrive === null || message.receiveCount < redrive.maxReceiveCount) return false;
    const target = this.#around.deadLetterQueue(redrive.targetArn);
    if (target === null) return false;
    this.#remove(message);
    target.#takeOver(message, this.arn, nowMs);
    return true;
  }

  // The message id and the receive count stay. A FIFO queue replaces the deduplication id by the
  // message id (guide, "configure a dead-letter queue redrive"); retention restarts on FIFO and
  // keeps counting on standard queues (guide, "message retention").
  #takeOver(message: StoredMessage, sourceArn: string, nowMs: number): void {
    const { fifo } = this.settings;
    const moved: StoredMessage = {
      ...message,
      deduplicationId: fifo ? message.id : message.deduplicationId,
      sequence: this.#nextSequence(),
      retainedFromMs: fifo ? nowMs : message.retainedFromMs,
      deadLetterSourceArn: sourceArn,
      visibleAtMs: nowMs,
      receive: null,
    };
    this.#add(moved, nowMs);
  }

  #add(message: StoredMessage, nowMs: number) {
    this.#messages.push(message);
    const sent = { messageId: message.id, sequence: message.sequence };
    if (message.deduplicationId !== null) this.#deduplication.remember(message.deduplicationId, sent, nowMs);
    this.#tellChange();
    return sent;
  }

  #find(receipt: string): StoredMessage | null {
    const messageId = messageIdOf(receipt);
    if (messageId === null)
      throw new Refusal(
        "ReceiptHandleIsInvalid",
        `The input receipt handle "${receipt}" is not a valid receipt handle.`,
      );
    this.#expire();
    return this.#messages.find(({ id }) => id === messageId) ?? null;
  }

  #inFlight(): StoredMessage[] {
    return this.#messages.filter((message) => stateOf(message, this.#now()) === "in_flight");
  }

  #expire(): void {
    const keptFromMs = this.#now() - this.settings.retentionMs;
    this.#messages = this.#messages.filter(({ retainedFromMs }) => retainedFromMs > keptFromMs);
  }

  #remove(message: StoredMessage): void {
    this.#messages = this.#messages.filter((other) => other !== message);
  }

  #view(message: StoredMessage): MessageView {
    return { ...message, state: stateOf(message, this.#now()) };
  }

  #nextSequence(): number {
    this.#sequence += 1;
    return this.#sequence;
  }

  #tellChange(): void {
    for (const listener of [...this.#listeners]) listener();
  }

  #now(): number {
    return this.#around.nowMs();
  }
}
