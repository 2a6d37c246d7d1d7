// The queue: messages in, and the four things that can happen to a received one. Knows nothing of
// steps or of the ledger.

/** SQS takes and hands out at most ten messages in one request. */
export const MESSAGES_A_REQUEST = 10;

/** One received message. Times are Unix milliseconds. */
export interface Message {
  readonly id: string;
  /** Names this receive, not the message: a redelivery has another. */
  readonly receipt: string;
  readonly body: string;
  readonly groupId: string | null;
  readonly deduplicationId: string | null;
  /** How often any queue handed it out, this time included. */
  readonly receiveCount: number;
  readonly sentAtMs: number;
  readonly firstReceivedAtMs: number;
  /** The producer's own message attributes, carried over to a dead letter as they are. */
  readonly attributes: Readonly<Record<string, MessageAttribute>>;
  /**
   * ARN of the queue that SQS itself moved it from; absent from what was never moved, and where the
   * server does not tell.
   */
  readonly movedFrom?: string;
}

export interface MessageAttribute {
  readonly dataType: string;
  readonly stringValue?: string;
  readonly binaryValue?: Uint8Array;
}

/**
 * How one entry of a batch call ended. `gone` means that the receipt is no longer good, because it
 * expired or the message is deleted.
 */
export type EntryResult = "done" | "gone" | "failed";

export interface ReceiveOptions {
  /** 1 to 10. */
  readonly max: number;
  /** Long-poll time, 0 to 20 000. */
  readonly waitMs: number;
  readonly visibilityMs: number;
  /**
   * Ends the wait when it aborts. A FIFO queue is then asked once more, without waiting, for what
   * the aborted request has fetched. On a standard queue such messages stay hidden until their
   * visibility ends. Absent means that nothing cuts the wait.
   */
  readonly cut?: AbortSignal;
  /**
   * FIFO only: called before each request with its attempt id, by which the request can be
   * repeated.
   */
  readonly asked?: (attemptId: string) => void;
  /** FIFO only: the attempt id of a receive that this one repeats. Absent means a new receive. */
  readonly repeats?: string;
}

export interface Extension {
  readonly receipt: string;
  /** Time until the message is visible again, counted from now; 0 gives it back at once. */
  readonly visibilityMs: number;
}

/**
 * Why a message became a dead letter; stored as one JSON message attribute beside the untouched
 * body.
 */
export interface DeadLetterReason {
  /** A word of `core/delivery/reasons.ts`. */
  readonly reason: string;
  readonly detail: string;
  readonly errorClass: string | null;
  /** Groups like errors; see `core/delivery/fingerprint.ts`. */
  readonly fingerprint: string | null;
  readonly starts: number;
  readonly worker: string;
}

/** A dead letter that goes back to its queue. */
export interface Resend {
  readonly letter: Message;
  /** The letter's, or mended. */
  readonly body: string;
  readonly groupId: string | null;
  /** Counts in a FIFO queue alone. */
  readonly deduplicationId: string;
}

export type Resent = { readonly kind: "sent"; readonly messageId: string } | { readonly kind: "failed" };

export interface QueueFacts {
  readonly url: string;
  readonly fifo: boolean;
  readonly deadLetterUrl: string | null;
  readonly maxReceiveCount: number | null;
  /** Null where the server does not say it. */
  readonly retentionMs: number | null;
}

/** What a queue says of itself; null for what it does not tell. */
export interface QueueAttributes {
  readonly fifo: boolean;
  readonly retentionMs: number | null;
  /** For how long each message is hidden at first. */
  readonly delayMs: number | null;
  readonly largestBytes: number | null;
  /**
   * Where SQS itself moves what was received more than `maxReceiveCount` times; `target` is that
   * queue's name.
   */
  readonly redrive: { readonly target: string; readonly maxReceiveCount: number } | null;
}

export interface SurveyedQueue {
  readonly url: string;
  /** By its name. */
  readonly fifo: boolean;
  /** Null: the credentials must not look. */
  readonly attributes: QueueAttributes | null;
}

export interface SurveyedDeadLetterQueue {
  readonly name: string;
  /** Where its name comes from. */
  readonly from: "option" | "redrive policy";
  /** Null: it does not exist. */
  readonly queue: SurveyedQueue | null;
}

/**
 * A queue and its dead letter queue as they are, whatever is wrong with them; for
 * `core/preflight/preflight.ts`.
 */
export interface QueueSurvey {
  readonly queue: SurveyedQueue;
  readonly deadLetter: SurveyedDeadLetterQueue | null;
}

/** Approximate by SQS's own word; eventually consistent within a minute. */
export interface QueueDepth {
  readonly visible: number;
  readonly inFlight: number;
  readonly delayed: number;
}

/**
 * The port. Methods reject with a `Fault` (`TQ_QUEUE…`) when the service cannot be reached or
 * refuses; entries of batch calls that fail alone are values. One contract suite
 * (`test/contract/queue.ts`) says what each adapter must do.
 */
export interface Queue {
  /** A FIFO queue can be asked again for what an aborted receive fetched. */
  readonly fifo: boolean;
  /** What the queue itself says of itself; read once at start. */
  describe(): Promise<QueueFacts>;
  /**
   * One long poll. SQS may go on handing messages to a request that was cut, for as long as that
   * would have waited.
   */
  receive(options: ReceiveOptions): Promise<readonly Message[]>;
  /** Changes when messages become visible again; any number of entries. Answers in order. */
  extend(extensions: readonly Extension[]): Promise<readonly EntryResult[]>;
  /** Deletes messages; any number. Answers in order. */
  ack(receipts: readonly string[]): Promise<readonly EntryResult[]>;
  /**
   * Copies a message, body byte-identical, to the dead letter queue. Does not ack it. A FIFO queue
   * takes one copy with the same deduplication id within five minutes, and drops others without an
   * error.
   */
  bury(message: Message, reason: DeadLetterReason, deduplicationId: string): Promise<void>;
  depth(): Promise<QueueDepth>;
  /** The dead letter queue, to look through; null when there is none. */
  deadLetters(): Promise<DeadLetterQueue | null>;
  close(): Promise<void>;
}

/**
 * A dead letter queue as a queue of its own. Burying what lies in it puts a copy beside it that
 * says why; acking takes the original out.
 */
export interface DeadLetterQueue extends Pick<Queue, "receive" | "extend" | "ack" | "bury" | "depth"> {
  readonly url: string;
  /** Whose dead letters are meant. It may be the dead letter queue of others, too. */
  readonly sourceUrl: string;
  /**
   * Sends copies to our queue, with the attributes that the producer sent. Takes any number, and
   * answers in order. Deletes nothing. Rejects when a request got no answer, and it is then unknown
   * which copies were sent.
   */
  resend(copies: readonly Resend[]): Promise<readonly Resent[]>;
  /**
   * SQS itself moved it here, from our queue: false for what a worker buried, and for the dead
   * letters of other queues.
   */
  isMoved(message: Message): boolean;
  /** It has a redrive policy itself, which would move on whatever is looked at too often. */
  readonly redrives: boolean;
  /**
   * How long it keeps a message, counted from `sentAtMs`. A standard queue's dead letters keep the
   * time at which they were first sent. Those of a FIFO queue get a new time when SQS moves them
   * (developer guide, "dead-letter queue retention"). `null` where the server does not say.
   */
  readonly retentionMs: number | null;
}
