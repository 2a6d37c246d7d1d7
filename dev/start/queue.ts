// The demo's queue, as the server of `taskiq dev` shows it.
import { basename } from "node:path";

export interface DemoQueue {
  readonly url: string;
  readonly name: string;
  readonly deadLetterName: string;
  /** Messages of a queue, without receiving any. */
  count(name: string): Promise<number>;
}

/** From the variables that `taskiq dev` prints. */
export function queueOf(environment: Readonly<Record<string, string | undefined>>): DemoQueue {
  const { TASKIQ_QUEUE_URL: url = "", TASKIQ_LOCAL_SQS: endpoint = "" } = environment;
  const name = basename(url);
  return {
    url,
    name,
    deadLetterName: name.replace(/\.fifo$/, "-dlq.fifo"),
    count: async (queue) => {
      const response = await fetch(`${endpoint}/inspect/${queue}`);
      const { messages } = (await response.json()) as { messages: readonly unknown[] };
      return messages.length;
    },
  };
}
