// Numbers as SQS writes them: whole ones, as text. A server in place of SQS may write anything.

/** The end of the year 9999: days may be added to it, and it is a date still. */
const LAST_INSTANT_MS = 253_402_300_799_999;

/** Returns null for text that is not a whole number. */
export function readNumber(text: string): number | null {
  return /^\d{1,15}$/.test(text) ? Number(text) : null;
}

/** Returns Unix milliseconds, or null for text that is not a time. */
export function readInstant(text: string): number | null {
  const ms = readNumber(text);
  return ms !== null && ms <= LAST_INSTANT_MS ? ms : null;
}
