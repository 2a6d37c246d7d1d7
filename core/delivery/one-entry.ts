// A batch call about one message, and the log line if it fails.
import { describeError } from "../faults.ts";
import type { RepeatedObservation } from "../observe.ts";
import type { Outages } from "../outages.ts";
import type { EntryResult } from "../queue/port.ts";

export type OneEntryCall = "ChangeMessageVisibility" | "DeleteMessage";

/**
 * Returns whether the entry is done. `failure` makes the log line from the cause, and says what
 * happens to the message next.
 */
export async function askForOne(
  call: OneEntryCall,
  ask: () => Promise<readonly EntryResult[]>,
  outages: Outages,
  failure: (why: string) => RepeatedObservation,
): Promise<boolean> {
  try {
    const [result = "failed"] = await ask();
    if (result === "done") outages.worked(call);
    // An expired receipt does not mean an outage. The adapter has logged why SQS refused an entry.
    else if (result === "gone") outages.observe(failure("gone"));
    else outages.observe({ ...failure("failed"), level: "debug" });
    return result === "done";
  } catch (error) {
    outages.failed(call, error, failure(describeError(error)));
    return false;
  }
}
