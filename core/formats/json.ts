// JSON from outside. Pure.

/** Undefined for what is no JSON; nothing of that is shown, since it may be anything. */
export function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
