// The words of a delivery's life: its states, what can happen in them, and what is to be done next. `core/lifecycle.ts` has the rules.
import type { ErrorInfo, ExecutionResult } from "./step.ts";

/** Why the machinery gives a message up; the dead letter's `reason`. */
export type Reason =
  | "malformed"
  | "crash_loop"
  | "step_fault"
  | "timed_out"
  | "dynamic_outputs_recorded"
  | "worker_lost"
  /** Settled as dead by an earlier delivery whose copy to the dead letter queue may not have happened. */
  | "settled_dead";

export interface Why {
  readonly reason: Reason;
  readonly detail: string;
  readonly error: ErrorInfo | null;
}

export type Release = "now" | "short" | "backoff" | "long";
export type Disposition = "acked" | "buried" | "released" | "lost";

export type State =
  | { readonly at: "received" }
  | { readonly at: "claiming"; readonly malformed: Why | null }
  | { readonly at: "waiting"; readonly malformed: Why | null }
  | { readonly at: "executing"; readonly fence: number; readonly starts: number; readonly budget: number }
  | { readonly at: "reporting"; readonly fence: number; readonly starts: number; readonly why: Why }
  | { readonly at: "settling"; readonly fence: number; readonly bury: Why | null }
  | { readonly at: "abandoning"; readonly release: Release; readonly starts: number }
  | { readonly at: "burying"; readonly why: Why }
  | { readonly at: "acking"; readonly disposition: "acked" | "buried" }
  | { readonly at: "releasing" }
  | { readonly at: "done"; readonly disposition: Disposition };

export type Event =
  | { readonly is: "decoded" }
  | { readonly is: "unknown_version" }
  | { readonly is: "malformed"; readonly detail: string; readonly readable: boolean }
  | { readonly is: "granted"; readonly fence: number; readonly starts: number; readonly budget: number }
  | { readonly is: "held"; readonly leftMs: number }
  | { readonly is: "settled"; readonly outcome: ExecutionResult; readonly dead: boolean }
  | { readonly is: "ledger_unreachable" }
  | { readonly is: "stopping" }
  | { readonly is: "lease_ended" }
  | { readonly is: "visibility_lost" }
  | { readonly is: "ended"; readonly outcome: ExecutionResult }
  | { readonly is: "permit_refused" }
  | { readonly is: "lease_lost" }
  | { readonly is: "host_fault"; readonly why: Why; readonly permitted: boolean }
  | { readonly is: "unavailable" }
  | { readonly is: "rerun_refused"; readonly why: Why }
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

export type Effect =
  | { readonly do: "claim" }
  | { readonly do: "wait"; readonly leftMs: number }
  | { readonly do: "execute"; readonly fence: number }
  | { readonly do: "report"; readonly fence: number; readonly why: Why }
  | { readonly do: "settle"; readonly fence: number; readonly outcome: ExecutionResult }
  | { readonly do: "abandon"; readonly fence: number; readonly giveStartBack: boolean; readonly why: Why | null }
  | { readonly do: "bury"; readonly why: Why }
  | { readonly do: "ack" }
  | { readonly do: "release"; readonly after: Release; readonly starts: number }
  | { readonly do: "none" };
