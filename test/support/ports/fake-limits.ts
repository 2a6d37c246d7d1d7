// What a host does on its own to a step that takes too long: in real time, whatever clock the test
// has, as a host's would be.
import type { Ending, Limits, Term } from "../../../core/runner/port.ts";
import { errorInfo } from "./scripted-steps.ts";

export interface Doom {
  /** Resolves when the timeout or the term is over. */
  readonly came: Promise<Ending>;
  avert(): void;
}

export function doomOf(limits: Limits | null, term: Term): Doom {
  const { promise: came, resolve } = Promise.withResolvers<Ending>();
  const error = errorInfo("StepTimedOut", "the step was ended: it ran for too long");
  const tooLong = timer(limits?.timeoutMs ?? null, () => resolve({ kind: "over_limit", limit: "timed_out", error }));
  const expire = () => timer(term.leftMs(), () => resolve({ kind: "expired" }));
  let expiry = expire();
  const unwatch = term.onRenewed(() => {
    clearTimeout(expiry);
    expiry = expire();
  });
  const avert = () => {
    clearTimeout(tooLong);
    clearTimeout(expiry);
    unwatch();
  };
  return { came, avert };
}

/** The longest that a timer takes. */
const LONGEST_MS = 2 ** 31 - 1;

function timer(ms: number | null, act: () => void): NodeJS.Timeout | undefined {
  return ms === null || ms > LONGEST_MS ? undefined : setTimeout(act, ms).unref();
}
