// Batch actions with at most ten entries, whose ids are distinct. Each entry has an end of its own
// (service model: …Batch).
import { LARGEST_MESSAGE, messageSize } from "./limits.ts";
import { Refusal } from "./refusal.ts";
import { type Input, listOf, type Output, readSending, textOf } from "./wire.ts";

const MOST_ENTRIES = 10;
const ENTRY_ID = /^[A-Za-z0-9_-]{1,80}$/;

/** `act` throws a Refusal for an entry that fails alone. */
export function forEachEntry(input: Input, act: (entry: Input) => Output): Output {
  const entries = listOf(input, "Entries") as readonly Input[];
  checkEntries(entries);
  const Successful: Output[] = [];
  const Failed: Output[] = [];
  for (const entry of entries) {
    try {
      Successful.push({ Id: entry["Id"], ...act(entry) });
    } catch (error) {
      if (!(error instanceof Refusal)) throw error;
      Failed.push({ Id: entry["Id"], Code: error.legacyCode, Message: error.message, SenderFault: error.senderFault });
    }
  }
  return { Successful, Failed };
}

/** All entries together may be no larger than one message. */
export function checkBatchSize(input: Input): void {
  const entries = listOf(input, "Entries") as readonly Input[];
  const sizes = entries.map(readSending).map(({ body, attributes }) => messageSize(body, attributes ?? {}));
  const total = sizes.reduce((sum, size) => sum + size, 0);
  if (total <= LARGEST_MESSAGE) return;
  const message = `Batch requests cannot be longer than ${LARGEST_MESSAGE} bytes. You have sent ${total} bytes.`;
  throw new Refusal("BatchRequestTooLong", message);
}

function checkEntries(entries: readonly Input[]): void {
  if (entries.length === 0) {
    throw new Refusal("EmptyBatchRequest", "There should be at least one entry in the request.");
  }
  if (entries.length > MOST_ENTRIES) {
    const message = `Maximum number of entries per request are 10. You have sent ${entries.length}.`;
    throw new Refusal("TooManyEntriesInBatchRequest", message);
  }
  const ids = entries.map((entry) => textOf(entry, "Id") ?? "");
  if (!ids.every((id) => ENTRY_ID.test(id))) {
    throw new Refusal(
      "InvalidBatchEntryId",
      "A batch entry id can only contain alphanumeric characters, hyphens and underscores. It can be at most 80 letters long.",
    );
  }
  const repeated = ids.find((id, index) => ids.indexOf(id) !== index);
  if (repeated !== undefined) throw new Refusal("BatchEntryIdsNotDistinct", `Id ${repeated} repeated.`);
}
