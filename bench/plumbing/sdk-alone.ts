// The bound: the AWS SDK's own calls for the same messages, ten at a time, and nothing else. No
// consumer that makes them through this SDK can cost less.
import { DeleteMessageBatchCommand, ReceiveMessageCommand, SQSClient } from "@aws-sdk/client-sqs";
import { LOCAL_CREDENTIALS, LOCAL_REGION } from "../../test/support/sqs/local-sqs.ts";
import type { Job } from "./job.ts";

const loops = 8;

export async function startSdkAlone(job: Job, ended: (messages: number) => void): Promise<() => Promise<void>> {
  const { endpoint, queueUrl: QueueUrl } = job;
  const sqs = new SQSClient({ endpoint, region: LOCAL_REGION, credentials: LOCAL_CREDENTIALS });
  let stopped = false;
  const take = async () => {
    while (!stopped) {
      const receive = { QueueUrl, MaxNumberOfMessages: 10, WaitTimeSeconds: 1, VisibilityTimeout: 60 };
      const { Messages = [] } = await sqs.send(new ReceiveMessageCommand(receive));
      const Entries = Messages.map(({ ReceiptHandle }, i) => ({ Id: String(i), ReceiptHandle }));
      if (Entries.length > 0) await sqs.send(new DeleteMessageBatchCommand({ QueueUrl, Entries }));
      ended(Entries.length);
    }
  };
  const running = Array.from({ length: loops }, take);
  return async () => {
    stopped = true;
    await Promise.all(running);
    sqs.destroy();
  };
}
