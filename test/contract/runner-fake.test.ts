// The runner contract on the fake that unit tests use: it must not be kinder than the real one.
import { idempotencyKey, type StepId } from "../../core/step/step.ts";
import { stepOrder } from "../support/dagster/step-orders.ts";
import { FakeRunner } from "../support/ports/fake-runner.ts";
import {
  blocks,
  crashes,
  fails,
  faults,
  isNotOpen,
  refusesRerun,
  type Script,
  succeeds,
  wantsRetry,
} from "../support/ports/scripted-steps.ts";
import { runnerContract } from "./runner.ts";
import type { Deed } from "./runner-setup.ts";

const scripts: Readonly<Record<Deed, Script>> = {
  succeeds,
  fails,
  wants_retry: wantsRetry,
  crashes,
  exits: crashes,
  blocks,
  refuses_rerun: refusesRerun("WorkerLost"),
  cannot_run: faults("step"),
  is_not_open: isNotOpen,
};

runnerContract("fake", async () => {
  const runner = new FakeRunner();
  await runner.start();
  let steps = 0;
  const named = (script: Script) => {
    steps += 1;
    runner.scripts.set(`step_${steps}`, script);
    return stepOrder(`step_${steps}`);
  };
  return {
    runner,
    order: async (deed) => named(scripts[deed]),
    orderOfFinishedRun: async () => {
      const order = named(succeeds);
      runner.finishedRuns.add(`over-${steps}`);
      return { ...order, envelope: { ...order.envelope, runId: `over-${steps}` } };
    },
    events: async (step: StepId) => runner.log(idempotencyKey(step)),
    processes: () => runner.running,
  };
});
