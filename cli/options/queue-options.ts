// Which queues, and how they are reached: for every command that touches one.
import { onOff, optional } from "./option.ts";
import type { Settings } from "./resolve.ts";
import { httpUrl, loopbackUrl, queueName, text } from "./values.ts";

export const queueOptions = {
  queueUrl: optional({
    flag: "--queue-url",
    env: ["TASKIQ_QUEUE_URL"],
    group: "Queue",
    help: "URL of the queue that steps come from; this or --queue-name is required.",
    kind: httpUrl,
  }),
  queueName: optional({
    flag: "--queue-name",
    env: ["TASKIQ_QUEUE_NAME"],
    group: "Queue",
    help: "Name of that queue, instead of its URL.",
    kind: queueName,
  }),
  dlqUrl: optional({
    flag: "--dlq-url",
    env: ["TASKIQ_DLQ_URL"],
    group: "Queue",
    help: "URL of the dead letter queue.",
    absent: "the queue's redrive policy names it",
    kind: httpUrl,
  }),
  dlqName: optional({
    flag: "--dlq-name",
    env: ["TASKIQ_DLQ_NAME"],
    group: "Queue",
    help: "Name of the dead letter queue, instead of its URL.",
    kind: queueName,
  }),
  region: optional({
    flag: "--region",
    env: ["AWS_REGION", "AWS_DEFAULT_REGION"],
    group: "Queue",
    help: "AWS region of queues that are given by name. The URL of a queue on AWS names its own region, which wins.",
    absent: "the AWS profile names it",
    kind: text("<region>", "an AWS region such as eu-central-1", /^[a-z0-9-]+$/),
  }),
  endpointUrl: optional({
    flag: "--endpoint-url",
    env: ["AWS_ENDPOINT_URL_SQS", "AWS_ENDPOINT_URL"],
    group: "Queue",
    help: "Where every request for the queues goes, whatever their URLs say: an emulator or a VPC endpoint.",
    absent: "the host of the queue's URL, else AWS",
    kind: httpUrl,
  }),
  ignoreEndpoints: onOff({
    flag: "--ignore-configured-endpoint-urls",
    env: ["AWS_IGNORE_CONFIGURED_ENDPOINT_URLS"],
    group: "Queue",
    help: "Take an endpoint from --endpoint-url only, not from the environment or the AWS profile.",
  }),
  localSqs: optional({
    flag: "--local-sqs",
    env: ["TASKIQ_LOCAL_SQS"],
    group: "Queue",
    help: "Where `taskiq dev` serves SQS on this machine. Every request for a queue goes there, signed with placeholder keys; AWS is not asked.",
    absent: "the options above decide",
    kind: loopbackUrl,
  }),
};

/** `null` means that each queue's URL decides. */
export function endpointOf(
  settings: Pick<Settings<typeof queueOptions>, "endpointUrl" | "ignoreEndpoints">,
): string | null {
  const { endpointUrl, ignoreEndpoints } = settings;
  const ignored = ignoreEndpoints.value === true && endpointUrl.origin.from === "env";
  return ignored ? null : (endpointUrl.value ?? null);
}
