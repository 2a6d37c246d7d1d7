// SQS queues for the queue contract: the adapter, opened on a pair of queues that no other test
// uses.
import { openSqsQueue } from "../../../core/queue/sqs/sqs.ts";
import type { MakeQueue } from "../../contract/queue-setup.ts";
import { createQueues, LOCAL_CREDENTIALS, LOCAL_REGION, type LocalSqs, sendMessage } from "./local-sqs.ts";

export function sqsQueuesOn(local: LocalSqs): MakeQueue {
  let made = 0;
  return async (t, { fifo, maxReceiveCount = 5 }) => {
    made += 1;
    const pair = await createQueues(local, `contract-${made}`, { fifo, maxReceiveCount });
    const queue = openSqsQueue({
      queue: { url: pair.url },
      deadLetter: null,
      region: LOCAL_REGION,
      endpoint: local.endpoint,
      credentials: LOCAL_CREDENTIALS,
      observe: () => undefined,
    });
    t.after(() => queue.close());
    return {
      queue,
      send: (message) => sendMessage(local, pair.url, message),
      inspect: () => local.inspect(pair.name),
      inspectDeadLetters: () => local.inspect(pair.deadLetterName),
    };
  };
}
