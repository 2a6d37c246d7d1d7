// Our own server as any other local SQS.

import type { MessageView } from "../../../../cli/dev/sqs-server/stored-message.ts";
import type { InspectedMessage, LocalSqs } from "../local-sqs.ts";
import type { SqsServer } from "./http.ts";

export function asLocalSqs(server: SqsServer): LocalSqs {
  return {
    endpoint: server.endpoint,
    inspect: async (queueName) => server.model.queue(queueName).inspect().map(inspected),
    stop: server.stop,
  };
}

function inspected({
  id,
  body,
  state,
  groupId,
  deduplicationId,
  receiveCount,
  attributes,
}: MessageView): InspectedMessage {
  return { id, body, state, groupId, deduplicationId, receiveCount, attributes };
}
