// How long something takes or has been, for tables: `3d 4h`.

/** The largest two units: `3d 4h`, `12m`, `40s`. */
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
  // Of minutes and less, one is enough.
  return (first >= 2 ? two.slice(0, 1) : two).map(([count, unit]) => `${count}${unit}`).join(" ");
}
