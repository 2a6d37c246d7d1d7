// One sample of every state and event, and one more wherever a rule asks for more than the name. A
// state or event that is new, renamed or gone does not compile here.
import type { Asked, Event, State, Why } from "../../../../core/delivery/states.ts";
import {
  type ErrorInfo,
  type ExecutionResult,
  type ExecutionState,
  idempotencyKey,
  type StepId,
} from "../../../../core/step/step.ts";
import { envelope as envelopeOf } from "../../../support/sqs/messages.ts";

type States = { readonly [At in State["at"]]: Readonly<Record<string, Extract<State, { at: At }>>> };
type Events = { readonly [Is in Event["is"]]: Readonly<Record<string, Extract<Event, { is: Is }>>> };

export const envelope = envelopeOf();
export const step: StepId = { runId: "run-1", stepKey: "load", attempt: 0 };
export const hold = { key: idempotencyKey(step), fence: 7 };

/** The attempt that a message asks for: to run it, or to end it for a reason. */
export const asking = (giveUp: Why | null): Asked => (giveUp === null ? { step, giveUp, envelope } : { step, giveUp });

export const error: ErrorInfo = { class: "StepProcessDied", message: "was killed by SIGKILL", traceback: "…" };
export const refusedWhy: Why = { reason: "malformed", detail: "22P05: no such character", error: null };
export const malformedWhy: Why = { reason: "malformed", detail: "tags: expected texts", error: null };
export const crashLoopWhy: Why = {
  reason: "crash_loop",
  detail: "started 3 times without an outcome; the budget is 3",
  error: null,
};
export const faultWhy: Why = { reason: "step_fault", detail: "StepProcessDied: was killed by SIGKILL", error };
export const timedOutWhy: Why = { reason: "timed_out", detail: "ran longer than 60 s", error };
export const sweptWhy: Why = { reason: "moved_by_sqs", detail: "SQS moved it", error: null, swept: "aside" };
export const inTheWayWhy: Why = { ...sweptWhy, swept: "in_the_way" };
export const sweptMalformedWhy: Why = { ...malformedWhy, swept: "aside" };
export const mismatchWhy: Why = {
  reason: "payload_mismatch",
  detail: "another body was claimed under this idempotency key before",
  error: null,
};
export const notOpenWhy: Why = { reason: "not_open", detail: "its run worker has not sent it", error: null };
export const unsignedWhy: Why = { reason: "unsigned", detail: "it has no signature", error: null };
export const otherWhy: Why = { reason: "other_instance", detail: "it names Dagster instance b", error: null };
export const otherInTheWayWhy: Why = { ...otherWhy, swept: "in_the_way" };
export const unknownWhy: Why = { reason: "unknown_run", detail: "run-1 is not known", error: null };
export const rerunWhy: Why = { reason: "dynamic_outputs_recorded", detail: "2 outputs are recorded", error };

export function outcome(state: ExecutionState, cause: ErrorInfo | null = null): ExecutionResult {
  return { state, output: null, error: cause, started_at: 10, completed_at: 12.5, execution_time_seconds: 2.5 };
}

export const states = {
  received: { received: { at: "received" } },
  claiming: {
    claiming: { at: "claiming", asked: asking(null) },
    "claiming a malformed one": { at: "claiming", asked: asking(malformedWhy) },
    "claiming a swept one": { at: "claiming", asked: asking(sweptWhy) },
    "claiming one in the way": { at: "claiming", asked: asking(inTheWayWhy) },
    "claiming a swept malformed one": { at: "claiming", asked: asking(sweptMalformedWhy) },
  },
  waiting: {
    waiting: { at: "waiting", asked: asking(null) },
    "waiting with a malformed one": { at: "waiting", asked: asking(malformedWhy) },
  },
  executing: {
    executing: { at: "executing", hold, step, starts: 2, budget: 3 },
    "executing for the last time": { at: "executing", hold, step, starts: 3, budget: 3 },
  },
  reporting: {
    reporting: { at: "reporting", hold, starts: 4, why: crashLoopWhy },
    "reporting a malformed one": { at: "reporting", hold, starts: 1, why: malformedWhy },
    "reporting a swept one": { at: "reporting", hold, starts: 2, why: sweptWhy },
    "reporting one in the way": { at: "reporting", hold, starts: 2, why: inTheWayWhy },
  },
  settling: {
    settling: { at: "settling", bury: null },
    "settling a dead one": { at: "settling", bury: crashLoopWhy },
  },
  abandoning: {
    "abandoning after a fault": { at: "abandoning", release: "backoff", starts: 2, bury: null },
    "abandoning, interrupted": { at: "abandoning", release: "now", starts: 2, bury: null },
    "abandoning another body's": { at: "abandoning", release: "short", starts: 2, bury: mismatchWhy },
    "abandoning one that is not open": { at: "abandoning", release: "short", starts: 2, bury: notOpenWhy },
    "abandoning, no host": { at: "abandoning", release: "short", starts: 2, bury: null },
    "abandoning, no code": { at: "abandoning", release: "long", starts: 2, bury: null },
  },
  burying: { burying: { at: "burying", why: crashLoopWhy } },
  acking: {
    acking: { at: "acking", disposition: "acked" },
    "acking a buried one": { at: "acking", disposition: "buried" },
  },
  releasing: { releasing: { at: "releasing" } },
  done: {
    acked: { at: "done", disposition: "acked" },
    buried: { at: "done", disposition: "buried" },
    released: { at: "done", disposition: "released" },
    lost: { at: "done", disposition: "lost" },
  },
} satisfies States;

const ended = (state: ExecutionState) => ({ is: "ended", outcome: outcome(state) }) as const;

export const events = {
  decoded: { decoded: { is: "decoded", step, envelope } },
  unknown_version: {
    "unknown version": { is: "unknown_version", swept: false },
    "unknown version, swept": { is: "unknown_version", swept: true },
  },
  malformed: {
    "malformed, no step": { is: "malformed", detail: "expected a JSON object", step: null },
    "malformed, step readable": { is: "malformed", detail: "tags: expected texts", step },
  },
  unsigned: { unsigned: { is: "unsigned", detail: unsignedWhy.detail } },
  other_instance: {
    "of another instance": { is: "other_instance", why: otherWhy, spent: false },
    "of another instance, spent": { is: "other_instance", why: otherWhy, spent: true },
    "of another instance, swept": { is: "other_instance", why: { ...otherWhy, swept: "aside" }, spent: true },
    "of another instance, in the way": { is: "other_instance", why: otherInTheWayWhy, spent: false },
  },
  unknown_run: {
    "unknown run": { is: "unknown_run", why: unknownWhy, spent: false },
    "unknown run, spent": { is: "unknown_run", why: unknownWhy, spent: true },
  },
  swept: {
    swept: { is: "swept", reason: "moved_by_sqs", detail: sweptWhy.detail, step, malformed: null, lies: "aside" },
    "swept, malformed": {
      is: "swept",
      reason: "moved_by_sqs",
      detail: sweptWhy.detail,
      step,
      malformed: malformedWhy.detail,
      lies: "aside",
    },
  },
  granted: {
    "granted within budget": { is: "granted", hold, starts: 2, budget: 3, sameBody: true },
    "granted for the last time": { is: "granted", hold, starts: 3, budget: 3, sameBody: true },
    "granted beyond budget": { is: "granted", hold, starts: 4, budget: 3, sameBody: true },
    "granted, another body's": { is: "granted", hold, starts: 2, budget: 3, sameBody: false },
    "granted, another body's beyond budget": { is: "granted", hold, starts: 4, budget: 3, sameBody: false },
  },
  held: { held: { is: "held", leftMs: 40_000 } },
  settled: {
    "settled, completed": { is: "settled", outcome: outcome("success"), dead: false },
    "settled, failed": { is: "settled", outcome: outcome("failure", error), dead: false },
    "settled, dead": { is: "settled", outcome: outcome("reported", error), dead: true },
    "settled, dead without an error": { is: "settled", outcome: outcome("parked"), dead: true },
  },
  row_unreadable: { "row unreadable": { is: "row_unreadable" } },
  row_refused: { "row refused": { is: "row_refused", detail: refusedWhy.detail } },
  ledger_unreachable: { "ledger unreachable": { is: "ledger_unreachable" } },
  stopping: { stopping: { is: "stopping" } },
  lease_ended: { "lease ended": { is: "lease_ended" } },
  visibility_lost: { "visibility lost": { is: "visibility_lost" } },
  ended: {
    "ended, success": ended("success"),
    "ended, failure": ended("failure"),
    "ended, up for retry": ended("up_for_retry"),
    "ended, resource init failure": ended("resource_init_failure"),
    "ended, run over": ended("run_over"),
    "ended, reported": ended("reported"),
    "ended, parked": ended("parked"),
  },
  permit_refused: { "permit refused": { is: "permit_refused" } },
  lease_lost: { "lease lost": { is: "lease_lost" } },
  host_fault: {
    "host fault": { is: "host_fault", why: faultWhy, permitted: false },
    "timed out": { is: "host_fault", why: timedOutWhy, permitted: false },
    "host fault, permitted": { is: "host_fault", why: faultWhy, permitted: true },
  },
  unavailable: {
    unavailable: { is: "unavailable", error },
  },
  rerun_refused: { "rerun refused": { is: "rerun_refused", why: rerunWhy } },
  not_open: { "not open": { is: "not_open", why: notOpenWhy } },
  interrupted: { interrupted: { is: "interrupted" } },
  recorded: { recorded: { is: "recorded" } },
  stale: { stale: { is: "stale" } },
  abandoned: { abandoned: { is: "abandoned" } },
  buried: { buried: { is: "buried" } },
  bury_failed: { "bury failed": { is: "bury_failed" } },
  acked: { acked: { is: "acked" } },
  ack_failed: { "ack failed": { is: "ack_failed" } },
  released: { released: { is: "released" } },
  release_failed: { "release failed": { is: "release_failed" } },
} satisfies Events;

type NamesOf<Groups> = { [Group in keyof Groups]: keyof Groups[Group] & string }[keyof Groups];

export type StateName = NamesOf<typeof states>;
export type EventName = NamesOf<typeof events>;
