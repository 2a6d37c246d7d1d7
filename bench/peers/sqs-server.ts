// The tests' SQS server as a process of its own: its CPU is not the worker's. Sends
// `{ endpoint }` to its parent, then `{ largest }` whenever it is asked for that.
import process from "node:process";
import { startSqsServer } from "../../test/support/sqs/server/http.ts";

const server = await startSqsServer();
process.send?.({ endpoint: server.endpoint });
process.on("message", () => process.send?.({ largest: largestBody() }));
process.once("disconnect", () => void server.stop());

/** Bytes of the largest message that was sent. */
function largestBody(): number {
  const bodies = server.requests.flatMap(({ action, input }) => {
    const { MessageBody, Entries } = input as { MessageBody?: string; Entries?: { MessageBody?: string }[] };
    return action.startsWith("SendMessage") ? [MessageBody, ...(Entries ?? []).map((entry) => entry.MessageBody)] : [];
  });
  return bodies.reduce((most, body = "") => Math.max(most, Buffer.byteLength(body)), 0);
}
