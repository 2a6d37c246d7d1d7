// Did you mean …: the known word that a mistyped one was most likely meant to be.

/** The nearest candidate, or null when none is near enough to be worth naming. */
export function nearest(word: string, candidates: Iterable<string>): string | null {
  let best: { name: string; distance: number } | null = null;
  for (const name of candidates) {
    const distance = distanceBetween(bare(word), bare(name));
    if (distance !== null && (best === null || distance < best.distance)) best = { name, distance };
  }
  return best?.name ?? null;
}

/** `", did you mean --x?"`, or nothing. */
export function didYouMean(word: string, candidates: Iterable<string>): string {
  const name = nearest(word, candidates);
  return name === null ? "" : `, did you mean ${name}?`;
}

/** Without what all names begin with, so that it makes none of them look alike. */
function bare(name: string): string {
  return name.toLowerCase().replace(/^(?:--?|taskiq_)/, "");
}

/**
 * Null when they have nothing to do with each other. One may be the other's end
 * (`--worker-concurrency` and `--concurrency`), or the word may be the name's beginning.
 */
function distanceBetween(word: string, name: string): number | null {
  if (word.length >= 3 && name.startsWith(word)) return 1;
  const pairs = [
    ...endsOf(word).map((end) => [end, name] as const),
    ...endsOf(name).map((end) => [word, end] as const),
  ];
  const near = pairs.map(([a, b], i) => ({
    length: Math.min(a.length, b.length),
    distance: editDistance(a, b) + (i === 0 ? 0 : 1),
  }));
  // A third of the letters wrong is where a suggestion turns into a guess.
  const likely = near.filter(({ length, distance }) => distance <= Math.max(1, Math.floor(length / 3)));
  return likely.length === 0 ? null : Math.min(...likely.map(({ distance }) => distance));
}

/** The name itself, and what follows each - or _ when it is long enough to mean something. */
function endsOf(name: string): readonly string[] {
  const starts = [...name.matchAll(/[-_]/g)].map(({ index }) => name.slice(index + 1));
  return [name, ...starts.filter((end) => end.length >= 4)];
}

/** Insertions, deletions, replacements and swaps of neighbours that turn `a` into `b`. */
export function editDistance(a: string, b: string): number {
  let beforeLast: number[] = [];
  let last = Array.from({ length: b.length + 1 }, (_, j) => j);
  for (let i = 1; i <= a.length; i += 1) {
    const row = [i];
    for (let j = 1; j <= b.length; j += 1) {
      const same = a[i - 1] === b[j - 1];
      const swapped = i > 1 && j > 1 && a[i - 1] === b[j - 2] && a[i - 2] === b[j - 1];
      row[j] = Math.min(
        at(row, j - 1) + 1,
        at(last, j) + 1,
        at(last, j - 1) + (same ? 0 : 1),
        swapped ? at(beforeLast, j - 2) + 1 : Number.POSITIVE_INFINITY,
      );
    }
    [beforeLast, last] = [last, row];
  }
  return at(last, b.length);
}

function at(row: readonly number[], index: number): number {
  return row[index] ?? Number.POSITIVE_INFINITY;
}
