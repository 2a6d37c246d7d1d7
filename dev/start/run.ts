// A run of the sample job, as `launch.py` reports it line by line.

/**
 * `at` is Unix seconds. `attempt` (0 first) and `pid` are null where the event does not name them.
 */
export interface StepEvent {
  readonly type: string;
  readonly step: string;
  readonly at: number;
  readonly attempt: number | null;
  readonly pid: number | null;
}

export type Told =
  | { readonly kind: "ready" }
  | { readonly kind: "run"; readonly runId: string }
  | { readonly kind: "event"; readonly event: StepEvent }
  | { readonly kind: "finished"; readonly status: string };

/** Throws on a line that is none of them: the launcher is ours. */
export function readTold(line: string): Told {
  const told = JSON.parse(line);
  if ("ready" in told) return { kind: "ready" };
  if ("run_id" in told) return { kind: "run", runId: told.run_id };
  if ("status" in told) return { kind: "finished", status: told.status };
  if ("type" in told) return { kind: "event", event: told };
  throw new Error(`launch.py said something unknown: ${line}`);
}
