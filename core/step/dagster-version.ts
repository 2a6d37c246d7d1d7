// Versions of Dagster and of its packages, compared: `1.13.27`, or `1.13.0rc1`. Pure. Text that is
// not such a version, as of a checkout of Dagster's source (`1!0+dev`), is not judged.

/** True for a version that is `below` or newer. */
export function isAtLeast(version: string, below: string): boolean {
  const [one, other] = [numbersOf(version), numbersOf(below)];
  if (one === null || other === null) return false;
  for (const [i, number] of other.entries()) {
    const own = one[i] ?? 0;
    if (own !== number) return own > number;
  }
  return true;
}

/** `1.13` of `1.13.27`. */
export function minorOf(version: string): string | null {
  const [major, minor = 0] = numbersOf(version) ?? [];
  return major === undefined ? null : `${major}.${minor}`;
}

function numbersOf(version: string): readonly number[] | null {
  const [numbers] = /^\d{1,9}(?:\.\d{1,9})*(?![\d!.])/.exec(version) ?? [];
  return numbers?.split(".").map(Number) ?? null;
}
