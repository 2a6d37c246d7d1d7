// The comparison: sqs-consumer, receiving and deleting in batches, recording nothing. Eight of
// them, since one polls one at a time.
import { SQSClient } from "@aws-sdk/client-sqs";
import { Consumer } from "sqs-consumer";
import { LOCAL_CREDENTIALS, LOCAL_REGION } from "../../test/support/sqs/local-sqs.ts";
import type { Job } from "./job.ts";

const consumers = 8;

export async function startSqsConsumer(job: Job, ended: (messages: number) => void): Promise<() => Promise<void>> {
  const sqs = new SQSClient({ endpoint: job.endpoint, region: LOCAL_REGION, credentials: LOCAL_CREDENTIALS });
  const started = Array.from({ length: consumers }, () => {
    const consumer = Consumer.create({
      queueUrl: job.queueUrl,
      sqs,
      batchSize: 10,
      waitTimeSeconds: 1,
      visibilityTimeout: 60,
      pollingWaitTimeMs: 0,
      suppressFifoWarning: true,
      handleMessageBatch: async (messages) => {
        handled += messages.length;
        return messages;
      },
    });
    let handled = 0;
    // It says so once the batch is deleted.
    consumer.on("response_processed", () => {
      ended(handled);
      handled = 0;
    });
    consumer.start();
    return consumer;
  });
  return async () => {
    for (const consumer of started) consumer.stop();
    sqs.destroy();
  };
}
