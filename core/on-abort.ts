// Acting on an abort that may have happened already. Pure.

/** Calls `act` at once if `signal` is aborted, else when it is, unless the function that it returns is called before. */
export function onAbort(signal: AbortSignal, act: () => void): () => void {
  if (signal.aborted) act();
  else signal.addEventListener("abort", act, { once: true });
  return () => signal.removeEventListener("abort", act);
}
