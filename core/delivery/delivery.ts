// One delivery under way: the message, the step that it names, and the facts that its effects have
// found so far.

import type { Seat } from "../admission/slots.ts";
import type { EventName, FieldsOf, LevelOf } from "../events/events.ts";
import type { Lease } from "../lease/lease.ts";
import { fieldsOfBody, messageFields, stepNamedIn } from "../lease/message-fields.ts";
import type { Claim } from "../ledger/port.ts";
import type { Observation, Observe } from "../observe.ts";
import type { Message } from "../queue/port.ts";
import type { DeliveryNote } from "../runner/port.ts";
import { type Decoded, decode } from "../step/envelope.ts";
import type { StepId } from "../step/step.ts";
import type { Cause, Disposition } from "./states.ts";

/** A received message that has a slot, and whose lease is prolonged. */
export interface Received {
  readonly lease: Lease;
  /** Unix milliseconds. */
  readonly receivedAtMs: number;
  readonly seat: Seat;
}

/** Unix milliseconds. A moment that has not come is absent. */
interface Times {
  claimed?: number;
  /** The step's first event, if this delivery recorded the step's end. */
  stepStarted?: number;
  /** The step's terminal event, likewise. */
  stepEnded?: number;
  settled?: number;
  deleted?: number;
}

export type Granted = Extract<Claim, { kind: "granted" }>;

/** The events that carry what `about` adds. */
type DeliveryEvent = { [E in EventName]: "receiveCount" extends keyof FieldsOf<E> ? E : never }[EventName];

/**
 * What an event carries beside that: one argument, which may be left out if none of it is required.
 */
type OwnFields<E extends DeliveryEvent> =
  Own<E> extends infer F ? (Record<never, never> extends F ? [fields?: F] : [fields: F]) : never;
type Own<E extends DeliveryEvent> = Omit<FieldsOf<E>, keyof FieldsOf<"delivery.bug">>;

export class Delivery implements Received {
  readonly lease: Lease;
  readonly receivedAtMs: number;
  readonly seat: Seat;
  readonly decoded: Decoded;
  /** `null` means that the message names no step. */
  readonly step: StepId | null;
  /** The ledger's answer to the claim. `null` means that there is no claim yet. */
  granted: Granted | null = null;
  /** The runner was asked to execute the step. */
  began = false;
  /** The step process of this claim got its permit. */
  permitted = false;
  /** The claimed row is for this message's body, not for another's. */
  sameBody = false;
  /**
   * A process of this claim found the attempt open, so that the ledger binds the row to this body.
   */
  foundOpen = false;
  /** This delivery or an earlier one left the attempt open for an operator. */
  parked = false;
  /**
   * The job of its run: first the one that the message names, then the one that the step's process
   * has found.
   */
  job: string | null;
  /** Time from its sending to its claim. `null` before the claim. */
  queuedMs: number | null = null;
  /** The moments of its life so far. */
  readonly times: Times = {};
  /** Why its claim was abandoned. `null` if it was not, or if nothing went wrong. */
  abandoned: Cause | null = null;
  readonly #observe: Observe;

  constructor(received: Received, observe: Observe) {
    this.lease = received.lease;
    this.receivedAtMs = received.receivedAtMs;
    this.seat = received.seat;
    this.decoded = decode(received.lease.message.body);
    this.step = stepNamedIn(this.decoded);
    this.job = this.decoded.kind === "step" ? this.decoded.envelope.job : null;
    this.#observe = observe;
  }

  get message(): Message {
    return this.lease.message;
  }

  get tags(): Readonly<Record<string, string>> {
    return this.decoded.kind === "step" ? this.decoded.envelope.tags : {};
  }

  /** Identity of the Dagster instance that it names. `null` means that it names none. */
  get instance(): string | null {
    return this.decoded.kind === "step" ? this.decoded.envelope.instance : null;
  }

  /**
   * Version of Dagster in the run worker that sent it. `null` means that the message does not say.
   */
  get senderDagster(): string | null {
    return this.decoded.kind === "step" ? this.decoded.envelope.dagster : null;
  }

  /** Returns what taskiq added to the step, part by part. A part is absent if it did not happen. */
  overhead(): Overhead {
    const { claimed, stepStarted, stepEnded, settled, deleted } = this.times;
    return {
      ...span("claimMs", this.receivedAtMs, claimed),
      ...span("startMs", claimed, stepStarted),
      ...span("settleMs", stepEnded, settled),
      ...span("deleteMs", settled, deleted),
    };
  }

  /** Describes this delivery for Dagster's event log. */
  note(worker: string): DeliveryNote {
    return {
      worker,
      messageId: this.message.id,
      receiveCount: this.message.receiveCount,
      starts: this.granted?.starts ?? 0,
      takenOverFrom: this.granted?.takenOverFrom ?? null,
    };
  }

  log<E extends DeliveryEvent>(level: LevelOf<E>, event: E, message: string, ...fields: OwnFields<E>): void {
    this.#observe(this.about(level, event, message, ...fields) as Observation);
  }

  /** Returns an observation about this delivery. */
  about<E extends DeliveryEvent>(level: LevelOf<E>, event: E, message: string, ...given: OwnFields<E>): Observation<E> {
    const [own = {}] = given as readonly [object?];
    const fields = messageFields(this.message, this.step, this.job);
    const observation = { event, level, message, ...fields, ...own };
    // The compiler has checked level and fields against the event. It cannot put them together
    // again.
    return observation as unknown as Observation<E>;
  }
}

type Overhead = Pick<FieldsOf<"delivery.done">, "claimMs" | "startMs" | "settleMs" | "deleteMs">;

/** The clocks of processes on one machine differ by less than a wall clock's corrections. */
function span(name: keyof Overhead, from: number | undefined, to: number | undefined): Overhead {
  return from === undefined || to === undefined ? {} : { [name]: Math.max(0, to - from) };
}

/**
 * Settles as `work` does. If `work` rejects, logs the bug and lets go of the message, which comes
 * back when its visibility ends. One delivery's bug must not end the worker's other steps, as a bug
 * in a loop does (`core/bugs.ts`).
 */
export async function lostByBug(
  { lease }: Pick<Received, "lease">,
  observe: Observe,
  work: Promise<Disposition>,
): Promise<Disposition> {
  try {
    return await work;
  } catch (error) {
    const message = `bug in taskiq, please report it: ${error instanceof Error ? error.stack : error}`;
    observe({ event: "delivery.bug", level: "error", message, ...fieldsOfBody(lease.message) });
    await lease.end();
    return "lost";
  }
}
