// The runner: runs one step in a process of its own and says how that ended. Knows no queue, no
// ledger and no attempts left.
import type { Envelope } from "../step/envelope.ts";
import type { ErrorInfo, ExecutionResult, StepId } from "../step/step.ts";

/** What the step process tells Dagster's event log about the delivery that started it. */
export interface DeliveryNote {
  readonly worker: string;
  readonly messageId: string;
  readonly receiveCount: number;
  readonly starts: number;
  readonly takenOverFrom: string | null;
}

/**
 * What a step may use. Null means without limit. Enforced by the runner, however busy the worker
 * is.
 */
export interface Limits {
  /** From the start of its process. */
  readonly timeoutMs: number | null;
  /** Without a Dagster event and without output. */
  readonly silenceMs: number | null;
  /** Between the interrupt and the kill. */
  readonly graceMs: number;
  /** On top of what was imported before the process was forked. */
  readonly memoryBytes: number | null;
  /** Below the step's own. */
  readonly processes: number | null;
  /** For each of stdout and stderr. */
  readonly outputBytes: number | null;
  /**
   * From the recorded end of the step to the end of its process: for hooks, the teardown of
   * resources, and exit hooks.
   */
  readonly afterEndMs: number;
}

/**
 * How long a process may live. The worker prolongs it while the process runs. Otherwise the process
 * dies in time, even if the worker cannot see to it.
 */
export interface Term {
  /** From now; not negative. */
  leftMs(): number;
  /** Calls back after each prolongation, until the function that it returns is called. */
  onRenewed(listener: () => void): () => void;
}

export interface StepOrder {
  readonly envelope: Envelope;
  readonly delivery: DeliveryNote;
  readonly limits: Limits;
  readonly term: Term;
  /** Absent: the ledger is not in Dagster's database, so that a permit is asked for. */
  readonly ledger?: ClaimBesideDagster;
}

/**
 * The claim of the step, in a ledger that lives in Dagster's own database. The step host may settle
 * its row in the transaction that writes the terminal event, if the claim still holds. Then it asks
 * for no permit.
 */
export interface ClaimBesideDagster {
  /** Holds the ledger's tables. */
  readonly schema: string;
  readonly fence: number;
}

/** Ends a step that the machinery could not run, without user code. */
export interface ReportOrder {
  readonly runId: string;
  readonly stepKey: string;
  readonly attempt: number;
  /** Seconds until the next attempt: writes STEP_UP_FOR_RETRY. Null writes STEP_FAILURE. */
  readonly retryIn: number | null;
  /** Leaves the step open for an operator: reads the log, writes nothing. */
  readonly park: boolean;
  /** Closed set; see `Why` in `core/delivery/states.ts`. */
  readonly reason: string;
  readonly message: string;
  readonly delivery: DeliveryNote;
  readonly term: Term;
  /** Absent: as for a step. */
  readonly ledger?: ClaimBesideDagster;
}

/** One engine event in the run's log. */
export interface Notice {
  readonly runId: string;
  readonly stepKey: string;
  readonly level: "info" | "warning" | "error";
  readonly message: string;
  readonly metadata: Readonly<Record<string, string | number>>;
}

/**
 * The answer to a step process that wants to write its terminal event; `withinMs` counts from the
 * instant it asked.
 */
export type Permit = { readonly granted: true; readonly withinMs: number } | { readonly granted: false };

/**
 * Asked at most once per process. Never rejects: an unreachable ledger is retried until the lease
 * ends, then refused.
 */
export type AskPermit = () => Promise<Permit>;

/**
 * How a process ended. `interrupted` means that its signal was aborted before it had an outcome.
 * The caller knows the reason. `open` is set when the process had found the attempt open. Without
 * it that is unknown. `job` is that of the step's run, where the process has reported it.
 */
export type Ending = EndingKind & { readonly job?: string };

type EndingKind =
  /**
   * The attempt is over, and `result` is to be recorded. `wrote` is false when the log already said
   * so. `cutShort` says why the process was killed after that, while hooks, teardown or exit hooks
   * still ran. It is absent if the process ended by itself. `settled` means that the ledger has
   * this result.
   */
  | {
      readonly kind: "ended";
      readonly result: ExecutionResult;
      readonly wrote: boolean;
      readonly cutShort?: string;
      readonly settled?: true;
    }
  /**
   * Dagster knows no such run, so nothing ran. `instance` is the identity of the instance that was
   * asked (null: it has none), `result` what to record if the run was one of its own.
   */
  | { readonly kind: "unknown_run"; readonly instance: string | null; readonly result: ExecutionResult }
  | { readonly kind: "rerun_refused"; readonly error: ErrorInfo }
  /** The run has not sent this attempt, or not this step: nothing ran, and nothing was written. */
  | { readonly kind: "not_open"; readonly error: ErrorInfo }
  | { readonly kind: "permit_refused" }
  | { readonly kind: "interrupted"; readonly open?: true }
  /** The step overstepped one of its limits and was ended for it; it recorded nothing. */
  | { readonly kind: "over_limit"; readonly limit: OverLimit; readonly error: ErrorInfo; readonly open?: true }
  /** Its term ended, and it with it; it recorded nothing. */
  | { readonly kind: "expired" }
  /**
   * `step` means that this step cannot run here, or its process died. `location`, `instance` and
   * `host` mean that nothing of that can run, and nothing ran.
   */
  | { readonly kind: "fault"; readonly scope: FaultScope; readonly error: ErrorInfo; readonly open?: true };

export type OverLimit = "timed_out" | "silent" | "output" | "processes";

export type FaultScope = "step" | "location" | "instance" | "host";

export interface ProbeFailure {
  readonly scope: FaultScope;
  readonly error: ErrorInfo;
}

/** Which lines of a step's output are observed. `errors`: warnings and what is worse. */
export type StepOutput = "all" | "errors" | "off";

/** What Dagster knows of one attempt. */
export interface AttemptStanding {
  /**
   * `null` means that this instance does not know the run. `goesOn` means that the run still waits
   * for its steps, because it is neither finished nor being canceled.
   */
  readonly run: { readonly status: string; readonly job: string; readonly goesOn: boolean } | null;
  /** How the attempt ended, by the event log; null while it is open. */
  readonly ended: "success" | "failure" | "up_for_retry" | "resource_init_failure" | null;
  /** Its user code may have run. */
  readonly began: boolean;
}

export type Looked =
  /** In the order of the attempts. */
  | { readonly kind: "looked"; readonly standings: readonly AttemptStanding[]; readonly instance: string | null }
  | { readonly kind: "failed"; readonly failure: ProbeFailure };

/** What steps run with, as the step host says. */
export interface HostVersions {
  readonly dagster: string;
  readonly dagsterTaskiq: string;
  /**
   * The versions of Dagster that its `dagster_taskiq` supports: from `oldest` up to, and without,
   * `below`. `null` means that the host does not name them.
   */
  readonly supported: { readonly oldest: string; readonly below: string } | null;
}

export interface Runner {
  /**
   * Starts the step host; rejects with a `Fault` (`TQ_HOST_…`) when it cannot. Safe to call again
   * after it was lost.
   */
  start(): Promise<void>;
  /**
   * Resolves when the step's process is dead and reaped, its whole group with it. Aborting `signal`
   * kills the group at once (SIGKILL): a process must never outlive the lease under which it runs.
   * Never rejects.
   */
  execute(order: StepOrder, ask: AskPermit, signal: AbortSignal): Promise<Ending>;
  /**
   * Like `execute`, for a report: `ended` with state `reported` or `parked`, or with what the log
   * already said.
   */
  report(order: ReportOrder, ask: AskPermit, signal: AbortSignal): Promise<Ending>;
  /** Best effort: false when the event could not be written. */
  notice(notice: Notice): Promise<boolean>;
  /**
   * Whether a step could run now: forks a process that reads Dagster's storages and, when given a
   * run, imports that run's code. Null when it could, else what failed. Touches no run, asks for no
   * permit, never rejects.
   */
  probe(runId: string | null): Promise<ProbeFailure | null>;
  /**
   * Where any number of attempts stand, read from Dagster's storages without user code. Touches no
   * run, never rejects.
   */
  look(attempts: readonly StepId[]): Promise<Looked>;
  /**
   * Identity of the Dagster instance that steps run in; null before it is known, or where its
   * storage has none.
   */
  instance(): string | null;
  /** Null before the first step host was ready. */
  versions(): HostVersions | null;
  /** Null while the host can take steps, else why it cannot. */
  unavailable(): string | null;
  /**
   * What it cannot run for want of its code, though it may take other steps; null when there is
   * nothing of that.
   */
  broken(): string | null;
  /** Sentences for an operator: what makes steps slower than they could be, and what to change. */
  advice(): readonly string[];
  /** Ends the host; step processes still alive are killed. */
  stop(): Promise<void>;
  /**
   * Kills the host and the groups of its steps, without waiting for their end: for a process that
   * is about to exit.
   */
  kill(): void;
}
