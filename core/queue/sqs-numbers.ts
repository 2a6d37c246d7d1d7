// Numbers as SQS writes them: whole ones, as text. Whoever stands in for SQS may write anything.

/** The latest that a date can be, in milliseconds, and enough for every count. */
const LARGEST = 8.64e15;

/** Null for what is no such number. */
export function readNumber(text: string): number | null {
  const value = /^\d{1,16}$/.test(text) ? Number(text) : Number.NaN;
  return value <= LARGEST ? value : null;
}
