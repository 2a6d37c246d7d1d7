// Reads what a queue and its dead letter queue say of themselves, whatever is wrong with them:
// `core/preflight/preflight.ts` judges it.
import { Fault } from "../../faults.ts";
import type { QueueAttributes, QueueSurvey, SurveyedDeadLetterQueue, SurveyedQueue } from "../port.ts";
import { queueNameOf } from "../queue-place.ts";
import type { QueueAddress, SqsContext } from "./context.ts";
import {
  findQueue,
  type QueueRef,
  type QueueText,
  readAttributesIfAllowed,
  readRedrivePolicy,
  readRetention,
  readSeconds,
} from "./facts.ts";
import { readNumber } from "./numbers.ts";

/**
 * Rejects with a `Fault` when the queue itself does not exist, or SQS cannot be asked. `given` wins
 * over the redrive policy.
 */
export async function surveyQueues(
  context: SqsContext,
  queue: QueueAddress,
  given: QueueRef | null,
): Promise<QueueSurvey> {
  const attributes = await readAttributesIfAllowed(queue);
  const surveyed = surveyOf(queue, attributes);
  const target = readRedrivePolicy(queue.url, attributes?.["RedrivePolicy"])?.target ?? null;
  const ref = given ?? target;
  const from = given === null ? "redrive policy" : "option";
  return { queue: surveyed, deadLetter: ref === null ? null : await surveyDeadLetters(context, queue, ref, from) };
}

async function surveyDeadLetters(
  context: SqsContext,
  source: QueueAddress,
  ref: QueueRef,
  from: SurveyedDeadLetterQueue["from"],
): Promise<SurveyedDeadLetterQueue> {
  const name = "name" in ref ? ref.name : queueNameOf(ref.url);
  try {
    const address = await findQueue(context, ref, source.site);
    return { name, from, queue: surveyOf(address, await readAttributesIfAllowed(address)) };
  } catch (error) {
    if (error instanceof Fault && error.code === "TQ_QUEUE_MISSING") return { name, from, queue: null };
    throw error;
  }
}

function surveyOf({ url, fifo }: QueueAddress, attributes: QueueText | null): SurveyedQueue {
  return { url, fifo, attributes: attributes === null ? null : attributesOf(url, attributes) };
}

export function attributesOf(url: string, attributes: QueueText): QueueAttributes {
  const redrive = readRedrivePolicy(url, attributes["RedrivePolicy"]);
  return {
    // A standard queue has no such attribute.
    fifo: attributes["FifoQueue"] === "true",
    retentionMs: readRetention(attributes),
    delayMs: readSeconds(attributes["DelaySeconds"]),
    largestBytes: readNumber(attributes["MaximumMessageSize"] ?? ""),
    redrive: redrive === null ? null : { target: redrive.target.name, maxReceiveCount: redrive.maxReceiveCount },
  };
}
