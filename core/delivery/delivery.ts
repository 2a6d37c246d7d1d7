// One delivery under way: the message, what it asks for, and what was learnt of it since.

import type { Seat } from "../admission/slots.ts";
import type { EventName, FieldsOf, LevelOf } from "../events/events.ts";
import type { Lease } from "../lease/lease.ts";
import type { Claim, Hold } from "../ledger/port.ts";
import type { Observation, Observe } from "../observe.ts";
import type { Message } from "../queue/port.ts";
import type { DeliveryNote } from "../runner/port.ts";
import { type Decoded, decode, type Envelope } from "../step/envelope.ts";
import { idempotencyKey, type StepId } from "../step/step.ts";
import type { Cause } from "./states.ts";

/** What the intake hands over. */
export interface Received {
  readonly lease: Lease;
  /** Unix milliseconds. */
  readonly receivedAtMs: number;
  readonly seat: Seat;
}

export type Granted = Extract<Claim, { kind: "granted" }>;

/** The events that carry what `about` adds. */
type DeliveryEvent = { [E in EventName]: "receiveCount" extends keyof FieldsOf<E> ? E : never }[EventName];

/** What an event carries beside that: one argument, which may be left out if none of it is required. */
type OwnFields<E extends DeliveryEvent> =
  Own<E> extends infer F ? (Record<never, never> extends F ? [fields?: F] : [fields: F]) : never;
type Own<E extends DeliveryEvent> = Omit<FieldsOf<E>, keyof FieldsOf<"delivery.bug">>;

export class Delivery implements Received {
  readonly lease: Lease;
  readonly receivedAtMs: number;
  readonly seat: Seat;
  readonly decoded: Decoded;
  /** Null when the message names no step. */
  readonly stepId: StepId | null;
  granted: Granted | null = null;
  /** The step process of this claim was given its permit. */
  permitted = false;
  /** The claimed row is for this message's body, not for another's. */
  sameBody = false;
  /** A process of this claim found the attempt open, so that the ledger binds the row to this body. */
  foundOpen = false;
  /** It was left open for an operator, by this delivery or an earlier one. */
  parked = false;
  /** Of its run; known once its process has found that. */
  job: string | null = null;
  /** From its sending to its claim; null before that. */
  queuedMs: number | null = null;
  /** Why its claim was abandoned. Null: it was not, or nothing went wrong. */
  abandoned: Cause | null = null;
  readonly #observe: Observe;

  constructor(received: Received, observe: Observe) {
    this.lease = received.lease;
    this.receivedAtMs = received.receivedAtMs;
    this.seat = received.seat;
    this.decoded = decode(received.lease.message.body);
    this.stepId = stepOf(this.decoded);
    this.#observe = observe;
  }

  get message(): Message {
    return this.lease.message;
  }

  get step(): StepId {
    if (this.stepId === null) throw new Error("the message names no step");
    return this.stepId;
  }

  get envelope(): Envelope {
    if (this.decoded.kind !== "step") throw new Error("the message carries no envelope");
    return this.decoded.envelope;
  }

  get tags(): Readonly<Record<string, string>> {
    return this.decoded.kind === "step" ? this.decoded.envelope.tags : {};
  }

  /** Identity of the Dagster instance that it names; null when it names none. */
  get instance(): string | null {
    return this.decoded.kind === "step" ? this.decoded.envelope.instance : null;
  }

  /** Version of Dagster in the run worker that sent it; null when it does not say. */
  get senderDagster(): string | null {
    return this.decoded.kind === "step" ? this.decoded.envelope.dagster : null;
  }

  get hold(): Hold {
    if (this.granted === null) throw new Error("no claim was granted");
    return { key: idempotencyKey(this.step), fence: this.granted.fence };
  }

  /** What Dagster's event log is told of this delivery. */
  note(worker: string): DeliveryNote {
    return {
      worker,
      messageId: this.message.id,
      receiveCount: this.message.receiveCount,
      starts: this.granted?.starts ?? 0,
      takenOverFrom: this.granted?.takenOverFrom ?? null,
    };
  }

  tell<E extends DeliveryEvent>(level: LevelOf<E>, event: E, message: string, ...fields: OwnFields<E>): void {
    this.#observe(this.about(level, event, message, ...fields) as Observation);
  }

  /** Returns an observation about this delivery. */
  about<E extends DeliveryEvent>(
    level: LevelOf<E>,
    event: E,
    message: string,
    ...fields: OwnFields<E>
  ): Observation<E> {
    const key = this.stepId === null ? {} : { key: idempotencyKey(this.stepId), ...this.stepId };
    const { id: messageId, receiveCount, groupId, deduplicationId } = this.message;
    // A standard queue's group is its tenant. A FIFO queue's group says no more than the key, or stands in the step's tags.
    const group = groupId === null || deduplicationId !== null ? {} : { group: groupId };
    const job = this.job === null ? {} : { job: this.job };
    const [own = {}] = fields as readonly [object?];
    const observation = { event, level, message, ...key, ...job, messageId, receiveCount, ...group, ...own };
    // The compiler has checked level and fields against the event. It cannot put them together again.
    return observation as unknown as Observation<E>;
  }
}

function stepOf(decoded: Decoded): StepId | null {
  switch (decoded.kind) {
    case "step": {
      const { runId, stepKey, attempt } = decoded.envelope;
      return { runId, stepKey, attempt };
    }
    case "malformed":
      return decoded.step;
    case "unknown_version":
      return null;
  }
}
