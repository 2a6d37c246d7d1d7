// Counts in sentences. Pure.

/**
 * Returns the count with its noun: `1 step`, `3 steps`. `several` is for nouns that take no `s`.
 */
export function counted(count: number, one: string, several = `${one}s`): string {
  return `${count} ${count === 1 ? one : several}`;
}
