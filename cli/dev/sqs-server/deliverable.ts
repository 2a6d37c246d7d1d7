// Which messages a receive may hand out, in which order. Pure.
import type { StoredMessage } from "./stored-message.ts";

/** `messages` in order of arrival. */
export function deliverable(messages: readonly StoredMessage[], fifo: boolean, nowMs: number): StoredMessage[] {
  return fifo ? byGroup(messages, nowMs) : messages.filter((message) => message.visibleAtMs <= nowMs);
}

/**
 * A receive takes as many of one group as it can before it turns to the next. It takes of each
 * group only the messages before its first hidden one. A group whose head is in flight gives
 * nothing, and one whose middle is still hidden gives its beginning (localstack#13386, tried on
 * AWS). Groups come in the order of their oldest message.
 */
function byGroup(messages: readonly StoredMessage[], nowMs: number): StoredMessage[] {
  const groups = Map.groupBy(messages, ({ groupId }) => groupId);
  return [...groups.values()].flatMap((group) => {
    const firstHidden = group.findIndex((message) => message.visibleAtMs > nowMs);
    return firstHidden === -1 ? group : group.slice(0, firstHidden);
  });
}
