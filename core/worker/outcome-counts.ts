// How the attempts ended that this worker recorded: counted where the ledger says that it has them.
import type { Ledger } from "../ledger/port.ts";
import type { ExecutionState } from "../step/step.ts";

export type Outcomes = Readonly<Record<ExecutionState, number>>;

export function noOutcomes(): Record<ExecutionState, number> {
  const none = { success: 0, failure: 0, up_for_retry: 0, resource_init_failure: 0 };
  return { ...none, run_over: 0, reported: 0, parked: 0, malformed: 0 };
}

export function countOutcomes<L extends Pick<Ledger, "settle">>(
  ledger: L,
  outcomes: Record<ExecutionState, number>,
): L {
  return {
    ...ledger,
    settle: async (hold, outcome) => {
      const answer = await ledger.settle(hold, outcome);
      if (answer === "recorded") outcomes[outcome.state] += 1;
      return answer;
    },
  };
}
