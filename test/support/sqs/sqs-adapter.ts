// The SQS adapter on our own server, for tests that look at what goes over the wire.
import type { TestContext } from "node:test";
import type { QueueModel } from "../../../cli/dev/sqs-server/queue-model.ts";
import type { LogRecord } from "../../../core/observe.ts";
import { openSqsQueue, type SqsQueue, type SqsQueueOptions } from "../../../core/queue/sqs/sqs.ts";
import { Observations } from "../observations.ts";
import { createQueues, LOCAL_CREDENTIALS, LOCAL_REGION, type QueuePair, type QueuePairOptions } from "./local-sqs.ts";
import { type RequestRecord, type SqsServer, type SqsServerOptions, startSqsServer } from "./server/http.ts";
import { asLocalSqs } from "./server/local.ts";

export interface Wired {
  readonly queue: SqsQueue;
  readonly server: SqsServer;
  readonly pair: QueuePair;
  /** Both as the server sees them, without requests. */
  readonly source: QueueModel;
  readonly deadLetters: QueueModel;
  readonly observed: readonly LogRecord[];
  /** What was asked since the queues were made. */
  requestsOf(action: string): readonly RequestRecord[];
}

/**
 * Retries wait for nothing: what is tested is what they ask, not how long they wait. With
 * `sources`, no credentials are given.
 */
export async function wire(
  t: TestContext,
  pairOptions: QueuePairOptions = {},
  options: Partial<SqsQueueOptions> = {},
  serverOptions: SqsServerOptions = {},
): Promise<Wired> {
  const server = await startSqsServer(serverOptions);
  const pair = await createQueues(asLocalSqs(server), "steps", pairOptions);
  const logged = new Observations();
  const queue = openSqsQueue({
    queue: { url: pair.url },
    deadLetter: null,
    region: LOCAL_REGION,
    endpoint: server.endpoint,
    ...(options.sources === undefined ? { credentials: LOCAL_CREDENTIALS } : {}),
    observe: logged.observe,
    random: () => 0,
    ...options,
  });
  t.after(async () => {
    await server.stop();
    await queue.close();
  });
  return {
    queue,
    server,
    pair,
    source: server.model.queue(pair.name),
    deadLetters: server.model.queue(pair.deadLetterName),
    observed: logged.all,
    requestsOf: (action) => server.requests.filter((request) => request.action === action),
  };
}
