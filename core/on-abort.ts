// Acting on an abort that may have happened already.

/** Calls `act` at once if `signal` is aborted, else when it is, unless the function that it returns is called before. */
export function onAbort(signal: AbortSignal, act: () => void): () => void {
  if (signal.aborted) act();
  else signal.addEventListener("abort", act, { once: true });
  return () => signal.removeEventListener("abort", act);
}

/** Resolves with what `work` does, or with null if `signal` aborts first. `work` goes on then. */
export async function unlessAborted<T>(signal: AbortSignal, work: Promise<T>): Promise<T | null> {
  const { promise: aborted, resolve } = Promise.withResolvers<null>();
  const disarm = onAbort(signal, () => resolve(null));
  try {
    return await Promise.race([work, aborted]);
  } finally {
    disarm();
  }
}
