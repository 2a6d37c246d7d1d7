// The queue of steps and its dead letter queue.
import * as aws from "@pulumi/aws";
import * as pulumi from "@pulumi/pulumi";
import { tlsOnlyPolicy } from "./policies.ts";

export interface QueuesSettings {
  /** FIFO deduplicates what a resumed run worker sends twice, and can put steps in an order. */
  readonly fifo: boolean;
  readonly visibilityTimeoutSeconds: number;
  readonly maxReceiveCount: number;
  readonly kmsKeyArn: pulumi.Input<string> | undefined;
  readonly tags: Readonly<Record<string, string>>;
}

export interface Queues {
  readonly queue: aws.sqs.Queue;
  readonly deadLetterQueue: aws.sqs.Queue;
}

/** The longest that SQS keeps a message. */
const FOURTEEN_DAYS = 1_209_600;
/** Shorter than the dead letter queue's: on a standard queue a dead letter keeps its age. */
const FOUR_DAYS = 345_600;

export function createQueues(name: string, settings: QueuesSettings, parent: pulumi.Resource): Queues {
  const deadLetterQueue = queueOf(`${name}-dlq`, settings, FOURTEEN_DAYS, {}, parent);
  const redrive = {
    redrivePolicy: pulumi.jsonStringify({
      deadLetterTargetArn: deadLetterQueue.arn,
      maxReceiveCount: settings.maxReceiveCount,
    }),
  };
  const queue = queueOf(name, settings, FOUR_DAYS, redrive, parent);
  const allow = pulumi.jsonStringify({ redrivePermission: "byQueue", sourceQueueArns: [queue.arn] });
  new aws.sqs.RedriveAllowPolicy(
    `${name}-dlq`,
    { queueUrl: deadLetterQueue.url, redriveAllowPolicy: allow },
    { parent },
  );
  return { queue, deadLetterQueue };
}

function queueOf(
  name: string,
  { fifo, visibilityTimeoutSeconds, kmsKeyArn, tags }: QueuesSettings,
  messageRetentionSeconds: number,
  redrive: { readonly redrivePolicy?: pulumi.Input<string> },
  parent: pulumi.Resource,
): aws.sqs.Queue {
  const queue = new aws.sqs.Queue(
    name,
    {
      name: fifo ? `${name}.fifo` : name,
      messageRetentionSeconds,
      visibilityTimeoutSeconds,
      receiveWaitTimeSeconds: 20,
      tags: { ...tags },
      ...redrive,
      ...(kmsKeyArn === undefined ? { sqsManagedSseEnabled: true } : { kmsMasterKeyId: kmsKeyArn }),
      // Each step key is a group of its own, so the quotas per group leave room for thousands of
      // steps a second.
      ...(fifo
        ? { fifoQueue: true, deduplicationScope: "messageGroup", fifoThroughputLimit: "perMessageGroupId" }
        : {}),
    },
    { parent },
  );
  const policy = queue.arn.apply((arn) => JSON.stringify(tlsOnlyPolicy(arn)));
  new aws.sqs.QueuePolicy(name, { queueUrl: queue.url, policy }, { parent });
  return queue;
}
