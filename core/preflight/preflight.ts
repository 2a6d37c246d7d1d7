// What is wrong with the queues, found before the first receive. Pure: what they say of themselves
// and the settings in, findings out.
import { counted } from "../formats/counted.ts";
import { inLargestUnit } from "../formats/durations.ts";
import type { QueueAttributes, QueueSurvey, SurveyedQueue } from "../queue/port.ts";
import { checkDeadLetterQueue, typeOf } from "./dead-letters.ts";
import { about, type Finding, type Found } from "./findings.ts";

export interface PreflightSettings {
  /** How often a step may be started. */
  readonly maxStarts: number;
  /**
   * Visibility timeout and lease alike: the queue's own timeout counts for nothing, every receive
   * names ours.
   */
  readonly leaseMs: number;
}

/**
 * Each deploy and each outage that meets a waiting message costs it a receive, which SQS counts and
 * never takes back. This leaves room for a few of them beside the starts of our own budget.
 */
const RELEASES = 5;
const DAY_MS = 86_400_000;

/** Refusals first. Whatever a queue does not tell is not judged. */
export function preflight({ queue, deadLetter }: QueueSurvey, settings: PreflightSettings): readonly Finding[] {
  const findings = [
    ...about(queue.url, typeOf(queue), sourceOf(queue, settings)),
    ...(deadLetter === null
      ? about(queue.url, noDeadLetterQueue(queue))
      : [...about(queue.url, unread(queue)), ...checkDeadLetterQueue(queue, deadLetter)]),
  ];
  return [...findings.filter(isRefusal), ...findings.filter((finding) => !isRefusal(finding))];
}

export function isRefusal({ severity }: Finding): boolean {
  return severity === "refuse";
}

function sourceOf({ attributes }: SurveyedQueue, settings: PreflightSettings): readonly Found[] {
  if (attributes === null) return [];
  return [...receivesOf(attributes, settings), ...retentionOf(attributes, settings), ...delayOf(attributes)];
}

function unread({ attributes }: SurveyedQueue): readonly Found[] {
  if (attributes !== null) return [];
  return [
    {
      severity: "warn",
      found: "does not let these credentials read its attributes",
      expected: "to be checked before the first receive",
      mend: "Allow sqs:GetQueueAttributes on it.",
    },
  ];
}

function receivesOf({ redrive }: QueueAttributes, { maxStarts }: PreflightSettings): readonly Found[] {
  if (redrive === null || redrive.maxReceiveCount >= maxStarts + RELEASES) return [];
  const { maxReceiveCount } = redrive;
  return [
    {
      severity: maxReceiveCount < maxStarts ? "refuse" : "warn",
      found: `has maxReceiveCount ${maxReceiveCount} for steps that may be started ${counted(maxStarts, "time")}`,
      expected: `at least ${maxStarts + RELEASES}: a step that a stopping worker or an outage gives back has cost a receive, too`,
      mend: "Raise maxReceiveCount in its redrive policy, or lower --max-starts.",
    },
  ];
}

function retentionOf({ retentionMs }: QueueAttributes, { leaseMs }: PreflightSettings): readonly Found[] {
  if (retentionMs === null || retentionMs >= DAY_MS) return [];
  const tooShort = retentionMs <= 2 * leaseMs;
  return [
    {
      severity: tooShort ? "refuse" : "warn",
      found: `keeps messages for ${inLargestUnit(retentionMs)}`,
      expected: tooShort
        ? `more than twice the visibility timeout of ${inLargestUnit(leaseMs)}: the step of a worker that died would never come back`
        : "at least 1 d, because SQS deletes a step that waits or runs for longer, and its run waits forever if its worker dies",
      mend: "Raise its MessageRetentionPeriod; 14 d is the most.",
    },
  ];
}

function delayOf({ delayMs }: QueueAttributes): readonly Found[] {
  if (delayMs === null || delayMs === 0) return [];
  return [
    {
      severity: "warn",
      found: `delays every message by ${inLargestUnit(delayMs)}`,
      expected: "no delay: every step starts that much later",
      mend: "Set its DelaySeconds to 0.",
    },
  ];
}

function noDeadLetterQueue({ attributes }: SurveyedQueue): readonly Found[] {
  if (attributes === null) {
    return [
      {
        severity: "refuse",
        found: "does not let these credentials read its attributes, and no dead letter queue is named",
        expected: "either, to know where messages go that cannot be run",
        mend: "Allow sqs:GetQueueAttributes, or name the dead letter queue with --dlq-url or --dlq-name.",
      },
    ];
  }
  return [
    {
      severity: "warn",
      found: "has no dead letter queue",
      expected: "one: messages that cannot be run come back until their retention ends",
      mend: "Give it a redrive policy, or name the dead letter queue with --dlq-url or --dlq-name.",
    },
  ];
}
