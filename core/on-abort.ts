// Acting on an abort that may have happened already.

/**
 * Calls `act` when `signal` aborts, at once if it has. The function that it returns calls that off.
 */
export function onAbort(signal: AbortSignal, act: () => void): () => void {
  if (signal.aborted) act();
  else signal.addEventListener("abort", act, { once: true });
  return () => signal.removeEventListener("abort", act);
}

/**
 * Settles as `work` does, or rejects with the signal's reason if `signal` aborts first. `work` then
 * goes on, and is ignored.
 */
export function until<T>(signal: AbortSignal, work: Promise<T>): Promise<T> {
  return new Promise((resolve, reject) => {
    const disarm = onAbort(signal, () => reject(signal.reason));
    work.finally(disarm).then(resolve, reject);
  });
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
