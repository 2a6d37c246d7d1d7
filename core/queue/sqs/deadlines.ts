// No wait without an end: a call of the SDK heeds an abort signal only while a request is on its way, not while it looks for credentials.

/** Nothing came in time. */
export class NoAnswer extends Error {
  override readonly name = "NoAnswer";
}

export interface Deadline {
  /** Aborts with a `NoAnswer`, or with the reason of another signal. */
  readonly signal: AbortSignal;
  clear(): void;
}

/**
 * `others` end the wait sooner. They may live as long as the worker, so they keep nothing of a deadline that was cleared: Node 22 keeps
 * some memory for each `AbortSignal.any`.
 */
export function startDeadline(ms: number, others: readonly AbortSignal[]): Deadline {
  const over = new AbortController();
  const late = () => over.abort(new NoAnswer(`no answer within ${Math.round(ms / 100) / 10} s`));
  const timer = setTimeout(late, ms);
  const undo = others.map((other) => {
    const pass = () => over.abort(other.reason);
    if (other.aborted) pass();
    other.addEventListener("abort", pass, { once: true });
    return () => other.removeEventListener("abort", pass);
  });
  const clear = () => {
    clearTimeout(timer);
    for (const one of undo) one();
  };
  return { signal: over.signal, clear };
}

/** Settles as `work` does, or rejects with the signal's reason when that comes first. `work` then goes on unheard. */
export function until<T>(signal: AbortSignal, work: Promise<T>): Promise<T> {
  return new Promise((resolve, reject) => {
    const giveUp = () => reject(signal.reason);
    if (signal.aborted) giveUp();
    signal.addEventListener("abort", giveUp, { once: true });
    work.finally(() => signal.removeEventListener("abort", giveUp)).then(resolve, reject);
  });
}
