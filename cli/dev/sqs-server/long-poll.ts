// A receive that waits. It goes on waiting, and taking messages, when its client has hung up, as
// SQS does. Such a message is then hidden for a whole visibility timeout, and no worker has it.
import type { Clock } from "../../../core/clock.ts";
import type { QueueModel } from "./queue-model.ts";
import type { Receiving } from "./receiving.ts";
import type { MessageView } from "./stored-message.ts";

export interface Waiting {
  readonly waitMs: number;
  readonly clock: Clock;
  readonly stopped: AbortSignal;
}

export async function receiveOrWait(
  queue: QueueModel,
  receiving: Receiving,
  waiting: Waiting,
): Promise<readonly MessageView[]> {
  const { clock, stopped } = waiting;
  const endMs = clock.monoMs() + waiting.waitMs;
  while (true) {
    const messages = queue.receive(receiving);
    const leftMs = endMs - clock.monoMs();
    if (messages.length > 0 || leftMs <= 0 || stopped.aborted) return messages;
    await changeOrTimeout(queue, leftMs, waiting);
  }
}

async function changeOrTimeout(queue: QueueModel, leftMs: number, { clock, stopped }: Waiting): Promise<void> {
  const over = new AbortController();
  // A reason of our own: to make up an AbortError costs more than the whole receive.
  const end = () => over.abort("changed");
  const forget = queue.onChange(end);
  stopped.addEventListener("abort", end, { once: true });
  const nextAtMs = queue.nextVisibleAtMs();
  const untilVisibleMs = nextAtMs === null ? leftMs : Math.max(1, nextAtMs - clock.wallMs());
  await clock.sleep(Math.min(leftMs, untilVisibleMs), over.signal);
  stopped.removeEventListener("abort", end);
  forget();
}
