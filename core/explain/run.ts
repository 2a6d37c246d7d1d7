// How far a run is, from the explanations of its steps. Pure.
import { counted } from "../formats/counted.ts";
import { span } from "../formats/durations.ts";
import type { Explanation, RunEvidence, StepKind } from "./evidence.ts";
import { goesOn, lookForRunWorker } from "./step.ts";

export type RunKind = "unknown_run" | "run_worker_gone" | "steps_open" | "over";

/** How the steps of each kind are counted in a sentence. */
const PHRASES: Readonly<Record<StepKind, string>> = {
  ended: "ended",
  run_over: "left without an end",
  run_not_started: "wait for the run to start",
  other_executor: "of another executor",
  upstream_failed: "left out, since a step they need failed",
  waits_for_steps: "wait for other steps",
  dead_letter: "are dead letters",
  runs: "run",
  starting: "are being started",
  recording: "are recording their end",
  worker_lost: "lost their worker",
  settled: "have an end in the ledger alone",
  waits_for_retry: "wait for a retry",
  pool_full: "wait for a slot of a pool",
  not_sent: "were not sent",
  other_queue: "are in another queue",
  quiet: "are held back by a request for quiet",
  waits_in_queue: "wait in the queue",
  in_flight: "are in flight",
  message_gone: "have lost their message",
};

/** Steps of these kinds wait for nothing: Dagster left them out, or they have an end. */
const AT_REST: readonly StepKind[] = ["ended", "upstream_failed"];

export function unknownRun(runId: string, queue: string): Explanation<RunKind> {
  const why = `This Dagster instance knows no run ${runId}: it was deleted, its id is another, or it belongs to another instance.`;
  const next = [
    `Check DAGSTER_HOME, and look for it among the dead letters: taskiq inspect-dlq ${queue} --run ${runId}`,
  ];
  return { kind: "unknown_run", why, next };
}

export function explainRun(
  { run, nowMs }: Pick<RunEvidence, "run" | "nowMs">,
  steps: ReadonlyMap<string, Explanation>,
): Explanation<RunKind> {
  const kinds = Map.groupBy(steps.values(), ({ kind }) => kind);
  const counts = [...kinds].map(([kind, members]) => `${members.length} ${PHRASES[kind]}`);
  const since = (run.started_at ?? run.created_at) * 1_000;
  const head = `The run of job ${run.job} is ${run.status} since ${span(nowMs - since)}. Of ${counted(steps.size, "step")}: ${counts.join(", ")}.`;
  if (!goesOn(run)) return { kind: "over", why: head, next: [] };
  const isOpen = [...kinds.keys()].some((kind) => !AT_REST.includes(kind));
  if (isOpen) return { kind: "steps_open", why: head, next: ["Ask about one step: taskiq explain <run> <step>"] };
  const why = `${head} No step is left, and the run has not ended: its run worker ends it within seconds, unless its process is gone.`;
  return { kind: "run_worker_gone", why, next: lookForRunWorker(run) };
}
