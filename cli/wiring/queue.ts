// Opens an SQS queue as the options say: on AWS, on an endpoint, or on the server of `taskiq dev`.
import { systemClock as clock } from "../../core/clock.ts";
import type { Observe } from "../../core/observe.ts";
import { openSqsQueue, type SqsQueue } from "../../core/queue/sqs/sqs.ts";
import type { QueueChoice } from "../options/queue-choice.ts";
import type { Env } from "../options/resolve.ts";
import { awsEnvironment } from "./aws-environment.ts";

export interface QueuePlace {
  readonly queue: QueueChoice;
  /** `null` means that the queue's redrive policy names it. */
  readonly deadLetter: QueueChoice | null;
  /** `null` means that the queue's URL, or the AWS SDK, decides. */
  readonly region: string | null;
  readonly endpointUrl: string | null;
  /** The SQS server of `taskiq dev`. `null` means that there is none. */
  readonly localSqs: string | null;
}

/**
 * Nothing checks them, but the SDK sends nothing unsigned.
 * `python/src/dagster_taskiq/sqs_client.py` has the same.
 */
const PLACEHOLDERS = { region: "us-east-1", credentials: { accessKeyId: "local", secretAccessKey: "local" } };

/**
 * Opens no connection yet. `hearTime` hears the server's time of each answer. Throws a `Fault` for
 * variables of AWS that make no sense.
 */
export function openQueue(
  place: QueuePlace,
  env: Env,
  observe: Observe,
  hearTime?: (serverMs: number) => void,
): SqsQueue {
  const { queue, deadLetter, region, endpointUrl, localSqs } = place;
  const hearing = hearTime === undefined ? {} : { hearTime };
  const shared = { queue, deadLetter, clock, observe, random: Math.random, ...hearing };
  // Neither the environment's credentials nor its proxies are for a server on this machine.
  if (localSqs !== null) return openSqsQueue({ ...shared, ...PLACEHOLDERS, endpoint: localSqs });
  const where = { region: region ?? undefined, endpoint: endpointUrl ?? undefined };
  return openSqsQueue({ ...shared, ...where, ...awsEnvironment(env) });
}
