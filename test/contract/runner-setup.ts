// What the runner contract needs of a runner under test.
import type { TestContext } from "node:test";
import type { Runner, StepOrder } from "../../core/runner/port.ts";
import type { StepId } from "../../core/step/step.ts";

/**
 * What a step is to do. `blocks` goes on until it is killed, with a process of its own below it
 * where there are processes.
 */
export type Deed =
  | "succeeds"
  | "fails"
  | "wants_retry"
  | "crashes"
  | "exits"
  | "blocks"
  | "refuses_rerun"
  | "cannot_run"
  | "is_not_open";

export interface RunnerUnderTest {
  /** Started. */
  readonly runner: Runner;
  /** An order for a step of its own, in a run that goes on. */
  readonly order: (deed: Deed) => Promise<StepOrder>;
  /** An order for a step of a run that has finished without it. */
  readonly orderOfFinishedRun: () => Promise<StepOrder>;
  /** The step's own events in the run's log: STEP_START and the terminal ones, in order. */
  readonly events: (step: StepId) => Promise<readonly string[]>;
  /** How many processes of steps live, reports and everything below them included. */
  readonly processes: () => number;
}

/** Makes one for a test; it ends with the test. */
export type MakeRunner = (t: TestContext) => Promise<RunnerUnderTest>;
