// The words of a delivery's life: its states, the events in each, and the effects.
// `core/delivery/lifecycle.ts` has the rules. Pure.
import type { Hold } from "../ledger/port.ts";
import type { Envelope } from "../step/envelope.ts";
import type { ErrorInfo, ExecutionResult, StepId } from "../step/step.ts";
import type { Reason } from "./reasons.ts";

/** A failure, described for people. */
export interface Cause {
  readonly detail: string;
  readonly error: ErrorInfo | null;
}

export interface Why extends Cause {
  readonly reason: Reason;
  /** Set for a message that lies in the dead letter queue already. */
  readonly swept?: Swept;
}

/**
 * `in_the_way`: the sweep cannot see the letters behind it in its FIFO group for as long as it lies
 * there.
 */
export type Swept = "aside" | "in_the_way";
export type Release = "now" | "short" | "backoff" | "long";
export const dispositions = ["acked", "buried", "released", "lost"] as const;
export type Disposition = (typeof dispositions)[number];

/** The attempt that a message asks for. `giveUp` says why taskiq ends it instead of running it. */
export type Asked =
  | { readonly step: StepId; readonly giveUp: null; readonly envelope: Envelope }
  | { readonly step: StepId; readonly giveUp: Why };

export type State =
  | { readonly at: "received" }
  | { readonly at: "claiming"; readonly asked: Asked }
  | { readonly at: "waiting"; readonly asked: Asked }
  /** `budget`: how many starts the step's policy allows. */
  | {
      readonly at: "executing";
      readonly hold: Hold;
      readonly step: StepId;
      readonly starts: number;
      readonly budget: number;
    }
  | { readonly at: "reporting"; readonly hold: Hold; readonly starts: number; readonly why: Why }
  | { readonly at: "settling"; readonly bury: Why | null }
  | { readonly at: "abandoning"; readonly release: Release; readonly starts: number; readonly bury: Why | null }
  | { readonly at: "burying"; readonly why: Why }
  | { readonly at: "acking"; readonly disposition: "acked" | "buried" }
  | { readonly at: "releasing" }
  | { readonly at: "done"; readonly disposition: Disposition };

export type Event =
  | { readonly is: "decoded"; readonly step: StepId; readonly envelope: Envelope }
  /**
   * The envelope's version is unknown, or the sender's Dagster is too new for this worker. `swept`:
   * it lies in the dead letter queue.
   */
  | { readonly is: "unknown_version"; readonly swept: boolean }
  /** `step`: the attempt that the body names all the same. `null` means that it names none. */
  | { readonly is: "malformed"; readonly detail: string; readonly step: StepId | null }
  | { readonly is: "unsigned"; readonly detail: string }
  /** `spent`: it was received too often to wait for a worker of its own instance. */
  | { readonly is: "other_instance"; readonly why: Why; readonly spent: boolean }
  /** A message out of the dead letter queue: SQS itself moved it there, or an operator fails it. */
  | {
      readonly is: "swept";
      readonly reason: "moved_by_sqs" | "failed_by_operator";
      readonly detail: string;
      readonly step: StepId;
      /** Why the rest of its body cannot be read. `null` means that all of it can. */
      readonly malformed: string | null;
      readonly lies: Swept;
    }
  | {
      readonly is: "granted";
      readonly hold: Hold;
      readonly starts: number;
      readonly budget: number;
      /** The row was first claimed for what this message asks for. */
      readonly sameBody: boolean;
    }
  | { readonly is: "held"; readonly leftMs: number }
  | { readonly is: "settled"; readonly outcome: ExecutionResult; readonly dead: boolean }
  | { readonly is: "ledger_unreachable" }
  /** The ledger answers, but its row of this attempt makes no sense. */
  | { readonly is: "row_unreadable" }
  /** The ledger answers, but cannot hold a row for this message. */
  | { readonly is: "row_refused"; readonly detail: string }
  | { readonly is: "stopping" }
  | { readonly is: "lease_ended" }
  | { readonly is: "visibility_lost" }
  | { readonly is: "ended"; readonly outcome: ExecutionResult }
  | { readonly is: "unknown_run"; readonly why: Why; readonly spent: boolean }
  | { readonly is: "permit_refused" }
  | { readonly is: "lease_lost" }
  | { readonly is: "host_fault"; readonly why: Why; readonly permitted: boolean }
  /**
   * Something that the step needs is missing, through no fault of the step: Dagster's storage, its
   * code, or the step host.
   */
  | { readonly is: "unavailable"; readonly error: ErrorInfo }
  | { readonly is: "rerun_refused"; readonly why: Why }
  | { readonly is: "not_open"; readonly why: Why }
  | { readonly is: "interrupted" }
  /** The ledger has the outcome. */
  | { readonly is: "recorded" }
  | { readonly is: "stale" }
  | { readonly is: "abandoned" }
  | { readonly is: "buried" }
  | { readonly is: "bury_failed" }
  | { readonly is: "acked" }
  | { readonly is: "ack_failed" }
  | { readonly is: "released" }
  | { readonly is: "release_failed" };

/**
 * The events that can happen in each state. Performers of effects are typed by it, and the
 * lifecycle must have a row for each pair. A state or an event that is missing here does not
 * compile.
 */
export const happens = {
  received: ["decoded", "unknown_version", "malformed", "unsigned", "other_instance", "swept"],
  claiming: ["granted", "held", "settled", "row_unreadable", "row_refused", "ledger_unreachable", "stopping"],
  waiting: ["lease_ended", "visibility_lost", "stopping"],
  executing: [
    "ended",
    "recorded",
    "not_open",
    "unknown_run",
    "permit_refused",
    "lease_lost",
    "host_fault",
    "rerun_refused",
    "unavailable",
    "interrupted",
  ],
  reporting: [
    "ended",
    "recorded",
    "not_open",
    "unknown_run",
    "permit_refused",
    "lease_lost",
    "host_fault",
    "unavailable",
    "ledger_unreachable",
    "interrupted",
  ],
  settling: ["recorded", "stale", "ledger_unreachable"],
  abandoning: ["abandoned", "stale", "ledger_unreachable"],
  burying: ["buried", "bury_failed"],
  acking: ["acked", "ack_failed"],
  releasing: ["released", "release_failed"],
  done: [],
} as const satisfies { readonly [At in State["at"]]: readonly Event["is"][] };

type Happens = typeof happens;
export type StateAt<At extends State["at"]> = Extract<State, { at: At }>;
export type EventIn<At extends State["at"]> = Extract<Event, { is: Happens[At][number] }>;

/** Effects under a claim carry its hold, so that every write names the fence. */
export type Effect =
  | { readonly do: "claim"; readonly step: StepId }
  | { readonly do: "wait"; readonly leftMs: number }
  | { readonly do: "execute"; readonly hold: Hold; readonly envelope: Envelope }
  | { readonly do: "report"; readonly hold: Hold; readonly step: StepId; readonly why: Why }
  | { readonly do: "settle"; readonly hold: Hold; readonly outcome: ExecutionResult }
  | { readonly do: "abandon"; readonly hold: Hold; readonly giveStartBack: boolean; readonly why: Cause | null }
  | { readonly do: "bury"; readonly why: Why }
  | { readonly do: "ack" }
  | { readonly do: "release"; readonly after: Release; readonly starts: number }
  | { readonly do: "none" };

/** The effect of that name. */
export type EffectOf<Do extends Effect["do"]> = Extract<Effect, { do: Do }>;
