// What a step may do in the fake runner, one script for each way to end.
import type { AskPermit, Ending, FaultScope, OverLimit } from "../../../core/runner/port.ts";
import type { ErrorInfo, ExecutionResult, ExecutionState } from "../../../core/step/step.ts";

/** A step process under way. */
export interface ScriptedStep {
  readonly ask: AskPermit;
  readonly signal: AbortSignal;
  /** Writes an event to the run's log. */
  readonly write: (event: string) => void;
}

export type Script = (step: ScriptedStep) => Promise<Ending>;

export const terminalEvents = {
  success: "STEP_SUCCESS",
  failure: "STEP_FAILURE",
  up_for_retry: "STEP_UP_FOR_RETRY",
  resource_init_failure: "RESOURCE_INIT_FAILURE",
} as const;

export function errorInfo(errorClass: string, message: string): ErrorInfo {
  return { class: errorClass, message, traceback: `Traceback (most recent call last):\n${errorClass}: ${message}\n` };
}

export function result(state: ExecutionState, error: ErrorInfo | null = null): ExecutionResult {
  const times = { started_at: 1_790_000_000, completed_at: 1_790_000_002, execution_time_seconds: 2 };
  return { state, output: state === "success" ? { outputs: ["result"], assets: [] } : null, error, ...times };
}

/** Asks, writes its terminal event, and ends. */
export const succeeds: Script = writes("success");
export const fails: Script = writes("failure", errorInfo("ValueError", "no rain on 31 February"));
export const wantsRetry: Script = writes("up_for_retry", errorInfo("TimeoutError", "no answer"));
export const cannotInitialize: Script = writes("resource_init_failure", errorInfo("OSError", "no such bucket"));

export const runIsOver: Script = async () => ({ kind: "ended", result: result("run_over"), wrote: false });
/** In its user code: its attempt was open. */
export const crashes: Script = async () => ({
  ...fault("step", "StepProcessDied", "the step process was killed by SIGSEGV"),
  open: true,
});

/** Runs until it is killed. */
export const blocks: Script = async ({ signal }) => {
  await aborted(signal);
  return { kind: "interrupted" };
};

/** Is ended by its host for a limit. */
export function overLimit(limit: OverLimit, errorClass: string): Script {
  return async () => ({ kind: "over_limit", limit, error: errorInfo(errorClass, "the step was ended") });
}

/** Its host hears nothing of its worker for as long as it may live. */
export const expires: Script = async () => ({ kind: "expired" });

/** Asks for its permit, writes its event if it may, and dies before anyone hears of it. */
export const diesAfterWriting: Script = async (step) => {
  await succeeds(step);
  return fault("step", "StepProcessDied", "the step process was killed by SIGKILL");
};

export const isNotOpen: Script = async () => ({
  kind: "not_open",
  error: errorInfo("NotOpen", "its run worker has not sent it"),
});

export function refusesRerun(errorClass: string): Script {
  return async () => ({ kind: "rerun_refused", error: errorInfo(errorClass, "an earlier start got too far") });
}

export function faults(scope: FaultScope, errorClass = "CheckError"): Script {
  return async () => fault(scope, errorClass, "cannot be run");
}

/** Several scripts for several starts, in order; the last one for all that follow. */
export function inTurn(...scripts: readonly Script[]): Script {
  let starts = 0;
  return async (step) => {
    const script = scripts[Math.min(starts, scripts.length - 1)] ?? succeeds;
    starts += 1;
    return await script(step);
  };
}

export function fault(scope: FaultScope, errorClass: string, message: string): Extract<Ending, { kind: "fault" }> {
  return { kind: "fault", scope, error: errorInfo(errorClass, message) };
}

export function aborted(signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (signal.aborted) resolve();
    else signal.addEventListener("abort", () => resolve());
  });
}

function writes(state: keyof typeof terminalEvents, error: ErrorInfo | null = null): Script {
  return async ({ ask, signal, write }) => {
    const permit = await ask();
    if (signal.aborted) return { kind: "interrupted" };
    if (!permit.granted) return { kind: "permit_refused" };
    write(terminalEvents[state]);
    return { kind: "ended", result: result(state, error), wrote: true };
  };
}
