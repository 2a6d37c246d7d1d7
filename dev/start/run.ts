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

export type Report =
  | { readonly kind: "ready" }
  | { readonly kind: "run"; readonly runId: string }
  | { readonly kind: "event"; readonly event: StepEvent }
  | { readonly kind: "finished"; readonly status: string };

/** Throws on a line that is none of them: the launcher is ours. */
export function readReport(line: string): Report {
  const fields = JSON.parse(line);
  if ("ready" in fields) return { kind: "ready" };
  if ("run_id" in fields) return { kind: "run", runId: fields.run_id };
  if ("status" in fields) return { kind: "finished", status: fields.status };
  if ("type" in fields) return { kind: "event", event: fields };
  throw new Error(`launch.py said something unknown: ${line}`);
}
