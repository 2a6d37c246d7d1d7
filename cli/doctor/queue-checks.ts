// What `taskiq doctor` asks of SQS. Nothing is received, sent or deleted.

import { inLargestUnit } from "../../core/formats/durations.ts";
import type { Finding as QueueFinding } from "../../core/preflight/findings.ts";
import { isRefusal, type PreflightSettings, preflight } from "../../core/preflight/preflight.ts";
import type { QueueAttributes, QueueSurvey, SurveyedQueue } from "../../core/queue/port.ts";
import { type Finding, fail, failed, ok, perform, warn } from "./check.ts";
import type { Patient } from "./wire-doctor.ts";

type AskedQueue = Patient["queues"][number];

export async function checkCredentials({ queue }: AskedQueue, withinMs: number): Promise<readonly Finding[]> {
  return await perform("credentials", withinMs, async () => {
    const { source, accessKeyId } = await queue.identity();
    return [ok("credentials", `from ${source}, access key id …${accessKeyId.slice(-4)}`)];
  });
}

export async function checkQueue(
  { name, queue }: AskedQueue,
  settings: PreflightSettings,
  withinMs: number,
): Promise<readonly Finding[]> {
  return await perform("queue", withinMs, async () => {
    const survey = await queue.survey();
    const found = preflight(survey, settings);
    const letters = survey.deadLetter?.queue?.url;
    const isOfLetters = ({ queue: about, found: what }: QueueFinding) =>
      about === letters || about === survey.deadLetter?.name || what === "has no dead letter queue";
    return [
      ...linesOf(
        "queue",
        found.filter((one) => !isOfLetters(one)),
        `${name}: ${described(survey.queue)}`,
      ),
      ...linesOf("dead letters", found.filter(isOfLetters), lettersOf(survey)),
    ];
  });
}

function linesOf(check: "queue" | "dead letters", found: readonly QueueFinding[], fine: string): readonly Finding[] {
  if (found.length === 0) return [ok(check, fine)];
  return found.map((one) => {
    const text = `${one.queue} ${one.found}; expected ${one.expected}`;
    return isRefusal(one) ? fail(check, text, one.mend) : warn(check, text, one.mend);
  });
}

function lettersOf({ deadLetter }: QueueSurvey): string {
  if (deadLetter === null) return "none";
  return `${deadLetter.name} by its ${deadLetter.from}: ${deadLetter.queue === null ? "missing" : described(deadLetter.queue)}`;
}

function described({ fifo, attributes }: SurveyedQueue): string {
  return [fifo ? "FIFO" : "standard", ...(attributes === null ? [] : traits(attributes))].join(", ");
}

function traits({ retentionMs, redrive }: QueueAttributes): readonly string[] {
  return [
    ...(redrive === null ? [] : [`maxReceiveCount ${redrive.maxReceiveCount}`]),
    ...(retentionMs === null ? [] : [`keeps messages for ${inLargestUnit(retentionMs)}`]),
  ];
}

/** SQS never gave it out: what it says of it proves the permission, and moves no message. */
const NO_RECEIPT = "taskiq-doctor";

export async function checkPermissions({ name, queue }: AskedQueue, withinMs: number): Promise<readonly Finding[]> {
  return await perform("permissions", withinMs, async () => {
    const asked = [
      ["ChangeMessageVisibility", () => queue.extend([{ receipt: NO_RECEIPT, visibilityMs: 0 }])],
      ["DeleteMessage", () => queue.ack([NO_RECEIPT])],
    ] as const;
    const ends = await Promise.allSettled(asked.map(([, ask]) => ask()));
    const problems = ends.flatMap((end) => (end.status === "rejected" ? [failed("permissions", end.reason)] : []));
    if (problems.length > 0) return problems;
    const names = asked.map(([action]) => action).join(" and ");
    return [ok("permissions", `${name} allows ${names}; ReceiveMessage and SendMessage are not tried`)];
  });
}

const WARN_SKEW_MS = 60_000;
const FAIL_SKEW_MS = 300_000;

/**
 * `skewMs` is the time that this machine's clock is ahead of SQS. `null` means that SQS has not
 * said its time.
 */
export function judgeClock(skewMs: number | null): Finding {
  if (skewMs === null)
    return warn("clock", "SQS has not said its time", "Correct what the check of the queue names first.");
  const seconds = Math.round(Math.abs(skewMs) / 1_000);
  const found = `${seconds} s ${skewMs < 0 ? "behind" : "ahead of"} SQS`;
  const todo = "Set the clock: AWS refuses requests that are five minutes off.";
  if (Math.abs(skewMs) >= FAIL_SKEW_MS) return fail("clock", found, todo);
  return Math.abs(skewMs) >= WARN_SKEW_MS ? warn("clock", found, todo) : ok("clock", found);
}
