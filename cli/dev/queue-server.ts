// The SQS server of `taskiq dev`, with its queues. Loaded by that command alone.
import { randomUUID } from "node:crypto";
import { startSqsServer } from "./sqs-server/http.ts";

export interface QueueServer {
  readonly endpoint: string;
  readonly queues: readonly MadeQueue[];
  /** Messages on the queues, without the dead letters. */
  depth(): number;
  stop(): Promise<void>;
}

export interface MadeQueue {
  readonly name: string;
  readonly url: string;
  readonly deadLetterName: string;
}

/**
 * As docs/deployment.md advises for the real ones: enough receives for three starts, and for
 * messages that are given back.
 */
const MAX_RECEIVE_COUNT = 10;
/** SQS's longest, 14 days. */
const RETENTION_SECONDS = "1209600";

/** Makes each queue with a dead letter queue: `steps.fifo` gets `steps-dlq.fifo`. */
export async function openQueueServer(names: readonly string[]): Promise<QueueServer> {
  const server = await startSqsServer({ nextMessageId: randomUUID });
  const queues = names.map((name): MadeQueue => {
    const fifo = name.endsWith(".fifo");
    const deadLetterName = fifo ? name.replace(/\.fifo$/, "-dlq.fifo") : `${name}-dlq`;
    const shared = { MessageRetentionPeriod: RETENTION_SECONDS, ...(fifo ? { FifoQueue: "true" } : {}) };
    const { arn } = server.model.createQueue(deadLetterName, shared);
    const redrive = { deadLetterTargetArn: arn, maxReceiveCount: MAX_RECEIVE_COUNT };
    server.model.createQueue(name, { ...shared, RedrivePolicy: JSON.stringify(redrive) });
    return { name, url: server.urlOf(name), deadLetterName };
  });
  return {
    endpoint: server.endpoint,
    queues,
    depth: () => queues.reduce((sum, { name }) => sum + server.model.queue(name).inspect().length, 0),
    stop: server.stop,
  };
}
