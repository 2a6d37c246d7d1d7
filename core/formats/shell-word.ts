// Texts in commands that people paste into a shell. Pure.

/** Returns the text as one word of a POSIX shell, whatever is in it: mapped steps have brackets. */
export function shellWord(text: string): string {
  return /^[\w.:/@%+=-]+$/.test(text) ? text : `'${text.replaceAll("'", "'\\''")}'`;
}
