// A batch call about one message, and what the log says when it fails.
import { describeError } from "../faults.ts";
import type { RepeatedObservation } from "../observe.ts";
import type { Outages } from "../outages.ts";
import type { EntryResult } from "../queue/port.ts";

export type OneEntryCall = "ChangeMessageVisibility" | "DeleteMessage";

/** Returns whether it is done. `failure` says what follows for the message, given why it is not. */
export async function askForOne(
  call: OneEntryCall,
  ask: () => Promise<readonly EntryResult[]>,
  outages: Outages,
  failure: (why: string) => RepeatedObservation,
): Promise<boolean> {
  try {
    const [result = "failed"] = await ask();
    if (result === "done") outages.worked(call);
    // An expired receipt says nothing of the queue. Of a refused entry the adapter has logged the cause.
    else if (result === "gone") outages.observe(failure("gone"));
    else outages.observe({ ...failure("failed"), level: "debug" });
    return result === "done";
  } catch (error) {
    outages.failed(call, error, failure(describeError(error)));
    return false;
  }
}
