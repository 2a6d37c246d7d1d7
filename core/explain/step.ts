// Why one step of a run is not running, or what became of it. Pure.
import { counted } from "../formats/counted.ts";
import { span } from "../formats/durations.ts";
import { queueNameOf } from "../queue/queue-place.ts";
import type { Explanation, QueueState, StepEvidence } from "./evidence.ts";
import type { RunRecord, StepRecord } from "./facts.ts";

const OVER = ["SUCCESS", "FAILURE", "CANCELED"];
const NOT_STARTED = ["QUEUED", "NOT_STARTED", "MANAGED", "STARTING"];
const LISTED = 5;

export function explainStep(evidence: StepEvidence): Explanation {
  const { step } = evidence;
  return (
    explainEnd(evidence) ??
    explainRunState(evidence) ??
    explainNeeds(evidence) ??
    explainLetter(evidence) ??
    explainRow(evidence) ??
    (step.sent_at === null ? explainUnsent(evidence) : explainSent(evidence))
  );
}

/** Returns whether the run still waits for its steps. */
export function goesOn({ status }: RunRecord): boolean {
  return !OVER.includes(status) && status !== "CANCELING" && !NOT_STARTED.includes(status);
}

/** What to do about a run whose run worker may be gone. */
export function lookForRunWorker({ resumed_by_monitoring: isMonitored }: RunRecord): readonly string[] {
  const resumed = isMonitored
    ? "Run monitoring is on, so a run worker that died is resumed."
    : "Switch on run_monitoring in dagster.yaml: it resumes a run whose run worker died.";
  return ["Look for the process of the run worker.", resumed];
}

function explainEnd({ step, row, nowMs }: StepEvidence): Explanation | null {
  if (step.ended === null) return null;
  const when = ago(step.ended_at, nowMs);
  const by = row === null ? "" : ` Worker ${row.owner} had it, in start ${row.starts} of that attempt.`;
  if (step.ended === "skipped") {
    return {
      kind: "ended",
      why: `Dagster skipped the step ${when}, because an output that it needs was not made.`,
      next: [],
    };
  }
  const how = step.ended === "success" ? "succeeded" : "failed";
  const next = step.ended === "success" ? [] : ["Read its error in Dagster, then re-execute the run from failure."];
  return { kind: "ended", why: `The step ${how} ${when}, in attempt ${step.attempt}.${by}`, next };
}

function explainRunState({ run, nowMs }: StepEvidence): Explanation | null {
  const { status, job } = run;
  if (OVER.includes(status)) {
    const why = `The run of job ${job} is over (${status}, ${ago(run.ended_at, nowMs)}), and the step has no end in its log. Nothing runs it any more.`;
    return { kind: "run_over", why, next: ["Re-execute the run from failure in Dagster."] };
  }
  if (status === "CANCELING") {
    const why = "The run is being canceled: workers interrupt its steps, and start none of those that wait.";
    return { kind: "run_over", why, next: [] };
  }
  if (NOT_STARTED.includes(status)) {
    const since = span(nowMs - run.created_at * 1_000);
    const why = `The run has not started: it is ${status} since ${since}. Steps are sent once its run worker runs.`;
    const next =
      status === "QUEUED"
        ? ["Look at the run queue in Dagster: the daemon must run, and a concurrency limit may hold the run back."]
        : ["Look at the run launcher: the process of the run worker is being started."];
    return { kind: "run_not_started", why, next };
  }
  if (run.executor !== null && run.executor !== "taskiq") {
    const why = `Job ${job} has the executor ${run.executor}, so its steps are not sent to a queue.`;
    return {
      kind: "other_executor",
      why,
      next: ["Give the job executor_def=taskiq_executor if workers are to run it."],
    };
  }
  return null;
}

function explainNeeds({ step, steps }: StepEvidence): Explanation | null {
  if (step.sent_at !== null) return null;
  const needed = step.needs.flatMap((key) => steps.get(key) ?? resolvedFrom(key, steps));
  const failed = needed.filter(({ ended }) => ended === "failure");
  if (failed.length > 0) {
    const why = `${listed(failed)} failed, and this step needs what it makes. Dagster does not run it.`;
    return { kind: "upstream_failed", why, next: ["Mend that step, then re-execute the run from failure."] };
  }
  const open = needed.filter(({ ended }) => ended === null);
  if (open.length === 0) return null;
  const why = `It waits for ${counted(open.length, "step")} that it needs: ${listed(open)}.`;
  const first = open[0]?.key ?? "";
  return { kind: "waits_for_steps", why, next: [`Ask about that one: taskiq explain <run> ${first}`] };
}

/** Returns the mapped steps of `shout[?]`, or that step itself before it is mapped. */
function resolvedFrom(key: string, steps: ReadonlyMap<string, StepRecord>): readonly StepRecord[] {
  const [before = "", after = ""] = key.split("[?]");
  return [...steps.values()].filter((one) => one.key.startsWith(`${before}[`) && one.key.endsWith(`]${after}`));
}

/** Explains an attempt whose message is a dead letter, so that no worker receives it again. */
function explainLetter({ letters, nowMs, queue }: StepEvidence): Explanation | null {
  const found = letters.find(({ verdict }) => verdict.act !== "wait" && verdict.act !== "purge");
  if (found === undefined) return null;
  const { letter, verdict } = found;
  const why = `Its message is a dead letter since ${span(nowMs - letter.sinceMs)} (${letter.reason}: ${letter.detail}). Verdict: ${verdict.words}.`;
  const which = `${queue.flags} --id ${letter.message.id}`;
  const show = `taskiq inspect-dlq ${queue.flags} --show ${letter.message.id}`;
  const act = `--yes --why "<reason>"`;
  const replay = `taskiq replay ${which} ${act}    puts it back`;
  const fail = `taskiq fail ${which} ${act}    records its failure, so that the run ends`;
  return { kind: "dead_letter", why, next: verdict.act === "replay" ? [show, replay, fail] : [show, fail] };
}

function explainRow({ row, step, nowMs }: StepEvidence): Explanation | null {
  if (row === null || row.state === "pending") return null;
  if (row.outcome !== null) {
    const why = `The ledger has its end (${row.outcome.state}, ${ago((row.settledAtMs ?? row.updatedAtMs) / 1_000, nowMs)}), and Dagster's log has none.`;
    const next = [
      row.outcome.state === "parked"
        ? "It was parked, and no dead letter of it was seen: look with taskiq inspect-dlq, or re-execute the run."
        : "Compare both: the ledger may belong to another Dagster instance.",
    ];
    return { kind: "settled", why, next };
  }
  const leftMs = (row.leaseExpiresAtMs ?? 0) - nowMs;
  if (leftMs <= 0) {
    const why = `Worker ${row.owner} claimed it and has not renewed its claim, which ended ${span(-leftMs)} ago: it died, or does not reach the ledger. SQS shows the message again when its visibility ends, and the next worker takes the step over (start ${row.starts + 1}).`;
    return { kind: "worker_lost", why, next: ["See that a worker is ready; nothing else is needed."] };
  }
  if (row.state === "permitted") {
    return { kind: "recording", why: `Worker ${row.owner} is recording its end now.`, next: [] };
  }
  const start = `start ${row.starts} of attempt ${step.attempt}`;
  if (step.began_at === null) {
    const why = `Worker ${row.owner} claimed it (${start}), and its process has not begun: it imports code, or waits for Dagster's storage.`;
    return { kind: "starting", why, next: [] };
  }
  const why = `Worker ${row.owner} runs it since ${span(nowMs - step.began_at * 1_000)} (${start}). Its claim holds for ${span(leftMs)} more, and is renewed while it runs.`;
  const next = [
    "Its output is in Dagster's compute logs. --step-timeout and taskiq/silence_timeout end a step that hangs.",
  ];
  return { kind: "runs", why, next };
}

function explainUnsent({ run, step, pools, nowMs }: StepEvidence): Explanation {
  const retryMs = (step.retry_at ?? 0) * 1_000 - nowMs;
  if (retryMs > 0) {
    const why = `Attempt ${step.attempt - 1} ended in a retry. The run worker sends attempt ${step.attempt} in ${span(retryMs)}.`;
    return { kind: "waits_for_retry", why, next: [] };
  }
  const pool = pools.find(({ name }) => name === step.pool);
  if (pool !== undefined && pool.slots > 0 && pool.claimed >= pool.slots) {
    const holders = pool.holders.slice(0, LISTED).map((one) => `${one.step} of run ${one.run}`);
    const why = `All ${counted(pool.slots, "slot")} of pool ${pool.name} are taken, and ${counted(pool.pending, "step")} wait for one. They are held by: ${holders.join(", ")}${pool.claimed > LISTED ? ", …" : ""}.`;
    const next = ["Wait, or raise the pool's limit in Dagster. A slot of a run that is over can be freed there, too."];
    return { kind: "pool_full", why, next };
  }
  const why = "Nothing holds it back, and its run worker has not sent it: it is about to, or its process is gone.";
  return { kind: "not_sent", why, next: lookForRunWorker(run) };
}

function explainSent({ step, row, queue, nowMs }: StepEvidence): Explanation {
  const { name } = queue;
  const sent = `The run worker sent it to ${step.queue ?? name} ${ago(step.sent_at, nowMs)}`;
  const since =
    row === null
      ? `${sent}, and no worker has claimed it.`
      : `${sent}. Worker ${row.owner} gave it back ${span(nowMs - row.updatedAtMs)} ago (${counted(row.starts, "start")} counted).`;
  if (step.queue !== null && queueNameOf(step.queue) !== name) {
    const why = `${since} That is not the queue that was looked at, ${name}.`;
    return {
      kind: "other_queue",
      why,
      next: [`Ask with that queue: --queue-name ${step.queue}. It needs workers of its own.`],
    };
  }
  const [quiet] = queue.quiet;
  if (quiet !== undefined) {
    const what = quiet.queue === null ? "" : ` --queue ${quiet.queue}`;
    const why = `${since} Workers take no steps from ${name}: ${quiet.who} asked for it ${span(nowMs - quiet.askedAtMs)} ago${quiet.why === null ? "" : ` (${quiet.why})`}.`;
    return { kind: "quiet", why, next: [`taskiq resume${what === "" ? " --everything" : what}`] };
  }
  return explainDepth(since, queue);
}

function explainDepth(since: string, { name, fifo, depth, busyWorkers }: QueueState): Explanation {
  const waiting = depth.visible + depth.delayed;
  const counts = `About ${counted(waiting, "message")} wait in ${name}, and workers have ${depth.inFlight} in hand.`;
  if (waiting > 0) {
    const idle = busyWorkers === 0 && depth.inFlight === 0;
    const next = [
      idle
        ? "No worker has anything in hand: start one, or ask those there are why they are not ready (GET /readyz)."
        : "Start more workers, or give those there are more slots (--concurrency).",
      ...(fifo ? ["A FIFO queue hands out one message of a group at a time: see taskiq/group."] : []),
    ];
    return { kind: "waits_in_queue", why: `${since} ${counts}`, next };
  }
  if (depth.inFlight > 0) {
    const why = `${since} ${counts} So a worker has just received it, or one that had received it died before its claim: SQS shows it again when its visibility ends.`;
    return {
      kind: "in_flight",
      why,
      next: ["Wait for the visibility timeout of the queue, and see that a worker is ready."],
    };
  }
  const why = `${since} ${name} is empty, so its message is gone: the queue was purged, or the message deleted or expired. SQS keeps no trace of it.`;
  const next = [
    "With run_monitoring on, end the process of the run worker: Dagster resumes the run, which sends every open step again.",
    "Without it, terminate the run and re-execute it from failure.",
  ];
  return { kind: "message_gone", why, next };
}

function listed(steps: readonly StepRecord[]): string {
  const names = steps.slice(0, LISTED).map(({ key }) => key);
  return `${names.join(", ")}${steps.length > LISTED ? ` and ${steps.length - LISTED} more` : ""}`;
}

/** `seconds` is a Unix time. */
function ago(seconds: number | null, nowMs: number): string {
  return seconds === null ? "at an unknown time" : `${span(nowMs - seconds * 1_000)} ago`;
}
