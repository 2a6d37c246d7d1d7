// JSON from outside. Pure.

/**
 * Returns `undefined` for text that is not JSON. The text is untrusted, so it never appears in an
 * error.
 */
export function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
