// fauxqs in this process: an SQS server written by others, for what ours should not be the only
// judge of.
import { buildApp } from "fauxqs";
import { type InspectedMessage, type LocalSqs, readWireAttributes, type WireAttribute } from "./local-sqs.ts";

/**
 * On a free port of 127.0.0.1; its own `startFauxqs()` would listen on every address of the
 * machine.
 */
export async function startFauxqsServer(): Promise<LocalSqs> {
  const app = buildApp({ logger: false });
  const endpoint = await app.listen({ host: "127.0.0.1", port: 0 });
  return {
    endpoint,
    inspect: (queueName) => inspectFauxqs(endpoint, queueName),
    stop: async () => app.close(),
  };
}

/** Every message of a queue, asked of a fauxqs in any process. */
export async function inspectFauxqs(endpoint: string, queueName: string): Promise<readonly InspectedMessage[]> {
  const response = await fetch(`${endpoint}/_fauxqs/queues/${queueName}`);
  if (!response.ok)
    throw new Error(`fauxqs answers ${response.status} for the queue ${queueName}: ${await response.text()}`);
  const { messages } = (await response.json()) as { messages: FauxqsMessages };
  return [
    ...messages.ready.map((message) => inspected(message, "visible")),
    ...messages.delayed.map((message) => inspected(message, "delayed")),
    ...messages.inflight.map(({ message, visibilityDeadline }) =>
      // fauxqs moves an expired message back only when a client receives.
      inspected(message, visibilityDeadline > Date.now() ? "in_flight" : "visible"),
    ),
  ];
}

interface FauxqsMessages {
  readonly ready: readonly FauxqsMessage[];
  readonly delayed: readonly FauxqsMessage[];
  readonly inflight: readonly { readonly message: FauxqsMessage; readonly visibilityDeadline: number }[];
}

interface FauxqsMessage {
  readonly messageId: string;
  readonly body: string;
  readonly messageAttributes: Record<string, WireAttribute>;
  readonly approximateReceiveCount: number;
  readonly messageGroupId?: string;
  readonly messageDeduplicationId?: string;
}

function inspected(message: FauxqsMessage, state: InspectedMessage["state"]): InspectedMessage {
  return {
    id: message.messageId,
    body: message.body,
    state,
    groupId: message.messageGroupId ?? null,
    deduplicationId: message.messageDeduplicationId ?? null,
    receiveCount: message.approximateReceiveCount,
    attributes: readWireAttributes(message.messageAttributes),
  };
}
