// What is wrong with a dead letter queue, by itself and beside the queue that it belongs to. Pure.
import { inLargestUnit } from "../formats/durations.ts";
import type { QueueAttributes, SurveyedDeadLetterQueue, SurveyedQueue } from "../queue/port.ts";
import { about, type Finding, type Found, kind } from "./findings.ts";

const DAY_MS = 86_400_000;
/** The longest that SQS knows (CreateQueue, MessageRetentionPeriod). */
const LONGEST_RETENTION_MS = 14 * DAY_MS;

export function checkDeadLetterQueue(queue: SurveyedQueue, deadLetter: SurveyedDeadLetterQueue): readonly Finding[] {
  if (deadLetter.queue === null) return about(deadLetter.name, missingDeadLetterQueue(deadLetter));
  const { url } = deadLetter.queue;
  if (url === queue.url) return about(url, ownDeadLetterQueue());
  return [
    ...about(url, typeOf(deadLetter.queue), otherType(queue, deadLetter.queue), deadLettersOf(queue, deadLetter.queue)),
    ...about(queue.url, otherTarget(queue, deadLetter)),
  ];
}

/** Checks the type of either queue. SQS demands it; a server in its place may not. */
export function typeOf({ fifo, attributes }: SurveyedQueue): readonly Found[] {
  if (attributes === null || attributes.fifo === fifo) return [];
  return [
    {
      severity: "refuse",
      found: `is ${kind(attributes.fifo)}, though its name says ${kind(fifo)}`,
      expected: "the name of a FIFO queue, and of no other, to end with .fifo",
      mend: "Check the queue's URL or name.",
    },
  ];
}

function missingDeadLetterQueue({ from }: SurveyedDeadLetterQueue): readonly Found[] {
  return [
    {
      severity: "refuse",
      found: `does not exist, but is the dead letter queue by ${from === "option" ? "the settings" : "the queue's redrive policy"}`,
      expected: "a queue that messages can be copied to",
      mend: "Create it, or correct what names it.",
    },
  ];
}

function ownDeadLetterQueue(): readonly Found[] {
  return [
    {
      severity: "refuse",
      found: "is its own dead letter queue",
      expected: "another one, because a message that cannot be run would come back forever",
      mend: "Name another queue.",
    },
  ];
}

function otherType(queue: SurveyedQueue, deadLetters: SurveyedQueue): readonly Found[] {
  if (queue.fifo === deadLetters.fifo) return [];
  return [
    {
      severity: "refuse",
      found: `is ${kind(deadLetters.fifo)}, but the dead letter queue of ${kind(queue.fifo)}`,
      expected: "both to be of one type",
      mend: "Name another dead letter queue.",
    },
  ];
}

function deadLettersOf(queue: SurveyedQueue, { attributes }: SurveyedQueue): readonly Found[] {
  if (attributes === null) {
    return [
      {
        severity: "warn",
        found: "does not let these credentials read its attributes",
        expected: "to be checked before the first message is buried in it",
        mend: "Allow sqs:GetQueueAttributes on it; a worker needs sqs:SendMessage.",
      },
    ];
  }
  return [
    ...lettersRetentionOf(queue, attributes),
    ...lettersSizeOf(queue, attributes),
    ...lettersRedriveOf(attributes),
  ];
}

// SQS keeps the time of sending when it moves a message of a standard queue to its dead letter
// queue. On FIFO it resets the time (developer guide, "setting up a dead-letter queue retention").
function lettersRetentionOf(queue: SurveyedQueue, { retentionMs }: QueueAttributes): readonly Found[] {
  const sourceMs = queue.fifo ? DAY_MS - 1 : (queue.attributes?.retentionMs ?? 0);
  if (retentionMs === null || retentionMs > sourceMs || retentionMs === LONGEST_RETENTION_MS) return [];
  return [
    {
      severity: "warn",
      found: `keeps dead letters for ${inLargestUnit(retentionMs)}`,
      expected: queue.fifo
        ? "at least 1 d, so that an operator can look at them"
        : `more than the ${inLargestUnit(sourceMs)} of the queue itself: messages that SQS moves there have aged in the queue already`,
      mend: "Raise its MessageRetentionPeriod; 14 d is the most.",
    },
  ];
}

function lettersSizeOf(queue: SurveyedQueue, { largestBytes }: QueueAttributes): readonly Found[] {
  const sourceBytes = queue.attributes?.largestBytes ?? null;
  if (largestBytes === null || sourceBytes === null || largestBytes >= sourceBytes) return [];
  return [
    {
      severity: "warn",
      found: `takes messages of up to ${largestBytes} bytes`,
      expected: `the ${sourceBytes} of the queue itself: a larger step could not be buried`,
      mend: "Raise its MaximumMessageSize.",
    },
  ];
}

function lettersRedriveOf({ redrive }: QueueAttributes): readonly Found[] {
  if (redrive === null) return [];
  return [
    {
      severity: "warn",
      found: "has a redrive policy of its own",
      expected: "none on a dead letter queue: looking at a dead letter is a receive, and some later look moves it away",
      mend: "Remove its redrive policy.",
    },
  ];
}

function otherTarget({ attributes }: SurveyedQueue, { name, from }: SurveyedDeadLetterQueue): readonly Found[] {
  const target = attributes?.redrive?.target;
  if (from !== "option" || target === undefined || target === name) return [];
  return [
    {
      severity: "warn",
      found: `has SQS move messages to ${target}, while this worker buries in ${name}`,
      expected: "one dead letter queue, because the other would stay unread",
      mend: "Leave out --dlq-url and --dlq-name, or change its redrive policy.",
    },
  ];
}
