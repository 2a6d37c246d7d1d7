// The words of a delivery's life: its states, what can happen in them, and what is to be done next. `core/delivery/lifecycle.ts` has the rules. Pure.
import type { ErrorInfo, ExecutionResult } from "../step/step.ts";
import type { Reason } from "./reasons.ts";

/** What went wrong, for people. */
export interface Cause {
  readonly detail: string;
  readonly error: ErrorInfo | null;
}

export interface Why extends Cause {
  readonly reason: Reason;
  /** Set for a message that lies in the dead letter queue already. */
  readonly swept?: Swept;
}

/** `in_the_way`: letters behind it in its FIFO group stay unseen for as long as it lies there. */
export type Swept = "aside" | "in_the_way";
export type Release = "now" | "short" | "backoff" | "long";
export const dispositions = ["acked", "buried", "released", "lost"] as const;
export type Disposition = (typeof dispositions)[number];

export type State =
  | { readonly at: "received" }
  /** `giveUp`: why the step is to be ended instead of run; null for one that is to be run. */
  | { readonly at: "claiming"; readonly giveUp: Why | null }
  | { readonly at: "waiting"; readonly giveUp: Why | null }
  | { readonly at: "executing"; readonly fence: number; readonly starts: number; readonly budget: number }
  | { readonly at: "reporting"; readonly fence: number; readonly starts: number; readonly why: Why }
  | { readonly at: "settling"; readonly fence: number; readonly bury: Why | null }
  | { readonly at: "abandoning"; readonly release: Release; readonly starts: number; readonly bury: Why | null }
  | { readonly at: "burying"; readonly why: Why }
  | { readonly at: "acking"; readonly disposition: "acked" | "buried" }
  | { readonly at: "releasing" }
  | { readonly at: "done"; readonly disposition: Disposition };

export type Event =
  | { readonly is: "decoded" }
  /** Of the envelope, or a Dagster that is too new for this worker. `swept`: it lies in the dead letter queue. */
  | { readonly is: "unknown_version"; readonly swept: boolean }
  | { readonly is: "malformed"; readonly detail: string; readonly readable: boolean }
  | { readonly is: "unsigned"; readonly detail: string }
  /** `spent`: it was received too often to wait for a worker of its own instance. */
  | { readonly is: "other_instance"; readonly why: Why; readonly spent: boolean }
  /** Not a delivery of the queue: a message out of the dead letter queue, which SQS itself moved there or an operator means. */
  | {
      readonly is: "swept";
      readonly reason: "moved_by_sqs" | "failed_by_operator";
      readonly detail: string;
      /** Why its body cannot be read, though its run and step can; null when all of it can. */
      readonly malformed: string | null;
      readonly lies: Swept;
    }
  | {
      readonly is: "granted";
      readonly fence: number;
      readonly starts: number;
      readonly budget: number;
      /** The row was first claimed for what this message asks for. */
      readonly sameBody: boolean;
    }
  | { readonly is: "held"; readonly leftMs: number }
  | { readonly is: "settled"; readonly outcome: ExecutionResult; readonly dead: boolean }
  | { readonly is: "ledger_unreachable" }
  /** The ledger answers, but what it holds of this attempt makes no sense. */
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
  /** What the step needs is not there, through no fault of its own; `code`: only its own code is not. */
  | { readonly is: "unavailable"; readonly error: ErrorInfo }
  | { readonly is: "rerun_refused"; readonly why: Why }
  | { readonly is: "not_open"; readonly why: Why }
  | { readonly is: "interrupted" }
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
 * What can happen in each state: every pair that is not here cannot come to pass. Effects are typed by it, the lifecycle's functions must
 * have a row for each pair of it, and a state or event that it lacks does not compile.
 */
export const happens = {
  received: ["decoded", "unknown_version", "malformed", "unsigned", "other_instance", "swept"],
  claiming: ["granted", "held", "settled", "row_unreadable", "row_refused", "ledger_unreachable", "stopping"],
  waiting: ["lease_ended", "visibility_lost", "stopping"],
  executing: [
    "ended",
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

export type Effect =
  | { readonly do: "claim" }
  | { readonly do: "wait"; readonly leftMs: number }
  | { readonly do: "execute"; readonly fence: number }
  | { readonly do: "report"; readonly fence: number; readonly why: Why }
  | { readonly do: "settle"; readonly fence: number; readonly outcome: ExecutionResult }
  | { readonly do: "abandon"; readonly fence: number; readonly giveStartBack: boolean; readonly why: Cause | null }
  | { readonly do: "bury"; readonly why: Why }
  | { readonly do: "ack" }
  | { readonly do: "release"; readonly after: Release; readonly starts: number }
  | { readonly do: "none" };
