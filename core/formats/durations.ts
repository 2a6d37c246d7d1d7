// Durations as people write them: `90`, `90s`, `1m30s`, `500ms`, `12h`. A plain number is in seconds. Pure.

const unitMs: Readonly<Record<string, number>> = { ms: 1, s: 1_000, m: 60_000, h: 3_600_000 };

/** Milliseconds, or null when `text` is no duration. */
export function parseDuration(text: string): number | null {
  const plain = /^\d+(?:\.\d+)?$/.test(text);
  if (plain) return wholeMs(Number(text) * 1_000);
  if (!/^(?:\d+(?:\.\d+)?(?:ms|s|m|h))+$/.test(text)) return null;
  const parts = text.matchAll(/(?<count>[\d.]+)(?<unit>ms|s|m|h)/g);
  let total = 0;
  for (const { groups } of parts) total += Number(groups?.["count"]) * (unitMs[groups?.["unit"] ?? ""] ?? Number.NaN);
  return wholeMs(total);
}

/** The shortest text that `parseDuration` reads back as the same whole number of milliseconds. */
export function formatDuration(ms: number): string {
  if (ms === 0) return "0s";
  const units = ["h", "m", "s", "ms"];
  const unit = units.find((name) => ms % (unitMs[name] ?? 1) === 0) ?? "ms";
  return `${ms / (unitMs[unit] ?? 1)}${unit}`;
}

function wholeMs(ms: number): number | null {
  return Number.isSafeInteger(Math.round(ms)) ? Math.round(ms) : null;
}
