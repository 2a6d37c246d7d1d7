// Durations, as operators write and read them. In settings they are `90`, `90s`, `1m30s`, `500ms`
// or `12h`, where a plain number is in seconds. Pure.

const unitMs: Readonly<Record<string, number>> = { ms: 1, s: 1_000, m: 60_000, h: 3_600_000 };

/** Returns milliseconds, or null if `text` is not a duration. */
export function parseDuration(text: string): number | null {
  const plain = /^\d+(?:\.\d+)?$/.test(text);
  if (plain) return wholeMs(Number(text) * 1_000);
  if (!/^(?:\d+(?:\.\d+)?(?:ms|s|m|h))+$/.test(text)) return null;
  const parts = text.matchAll(/(?<count>[\d.]+)(?<unit>ms|s|m|h)/g);
  let total = 0;
  for (const { groups } of parts) total += Number(groups?.["count"]) * (unitMs[groups?.["unit"] ?? ""] ?? Number.NaN);
  return wholeMs(total);
}

/**
 * Returns the shortest text that `parseDuration` reads back as the same whole number of
 * milliseconds.
 */
export function formatDuration(ms: number): string {
  if (ms === 0) return "0s";
  const units = ["h", "m", "s", "ms"];
  const unit = units.find((name) => ms % (unitMs[name] ?? 1) === 0) ?? "ms";
  return `${ms / (unitMs[unit] ?? 1)}${unit}`;
}

/** Returns seconds, for sentences: `90 s`, `1.5 s`, `250 ms`. */
export function inSeconds(ms: number): string {
  if (ms > 0 && ms < 1_000) return `${Math.round(ms)} ms`;
  return `${Math.round(ms / 100) / 10} s`;
}

/**
 * Returns the largest unit that leaves no rest, for settings of queues: `14 d`, `5 min`, `90 s`.
 */
export function inLargestUnit(ms: number): string {
  const seconds = Math.round(ms / 1_000);
  for (const [unit, size] of [
    ["d", 86_400],
    ["h", 3_600],
    ["min", 60],
  ] as const) {
    if (seconds >= size && seconds % size === 0) return `${seconds / size} ${unit}`;
  }
  return `${seconds} s`;
}

/** Returns the largest two units, for tables: `3d 4h`, `12m`, `40s`. */
export function span(ms: number): string {
  const seconds = Math.max(0, Math.floor(ms / 1_000));
  const parts: readonly (readonly [number, string])[] = [
    [Math.floor(seconds / 86_400), "d"],
    [Math.floor(seconds / 3_600) % 24, "h"],
    [Math.floor(seconds / 60) % 60, "m"],
    [seconds % 60, "s"],
  ];
  const first = parts.findIndex(([count]) => count > 0);
  if (first === -1) return "0s";
  const two = parts.slice(first, first + 2).filter(([count]) => count > 0);
  // One unit is enough for minutes and less.
  return (first >= 2 ? two.slice(0, 1) : two).map(([count, unit]) => `${count}${unit}`).join(" ");
}

function wholeMs(ms: number): number | null {
  return Number.isSafeInteger(Math.round(ms)) ? Math.round(ms) : null;
}
