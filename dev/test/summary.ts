// The last lines of `npm test`.

export interface Verdict {
  readonly passed: boolean;
  /** How many tests ran; null where there are none to count. */
  readonly tests: number | null;
  /** Why it did not pass; empty when it did. */
  readonly detail: string;
}

export interface Result extends Verdict {
  readonly stage: string;
  /** Null: it was not run. */
  readonly ms: number | null;
}

/** `ms` is how long all of them took together, side by side. */
export function summarize(results: readonly Result[], ms: number): string {
  const width = Math.max(...results.map(({ stage }) => stage.length));
  return [...results.map((result) => line(result, width)), "", closing(results, ms)].join("\n");
}

function line({ stage, ms, passed, tests, detail }: Result, width: number): string {
  const word = passed ? "ok" : "FAILED";
  const outcome = ms === null ? "not run" : word;
  const time = ms === null ? "" : `${(ms / 1000).toFixed(1)} s`;
  const notes = [...(tests === null ? [] : [`${tests} tests`]), ...(detail === "" ? [] : [detail])];
  return `  ${stage.padEnd(width)}  ${outcome.padEnd(7)}  ${time.padStart(8)}  ${notes.join(", ")}`.trimEnd();
}

function closing(results: readonly Result[], ms: number): string {
  const bad = results.filter(({ passed }) => !passed);
  if (bad.length > 0)
    return `${bad.length} of ${results.length} stages did not pass: ${bad.map(({ stage }) => stage).join(", ")}`;
  const tests = results.reduce((sum, result) => sum + (result.tests ?? 0), 0);
  return `All ${results.length} stages passed: ${tests} tests, ${duration(ms / 1000)}`;
}

function duration(seconds: number): string {
  return seconds < 60 ? `${seconds.toFixed(1)} s` : `${Math.floor(seconds / 60)} min ${Math.round(seconds % 60)} s`;
}
