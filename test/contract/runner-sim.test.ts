// The runner contract on the runner of simulated fleets: a simulation is only as true as its step
// processes.
import type { TestContext } from "node:test";
import { SqsModel } from "../../cli/dev/sqs-server/model.ts";
import type { StepId } from "../../core/step/step.ts";
import { Dagster } from "../simulation/dagster.ts";
import { Dice } from "../simulation/dice.ts";
import { FaultPlan } from "../simulation/faults.ts";
import { Life } from "../simulation/life.ts";
import { Producer } from "../simulation/producer.ts";
import { Referee } from "../simulation/referee.ts";
import { SimRunner } from "../simulation/sim-runner.ts";
import { hostRules } from "../simulation/step-process.ts";
import { Trace } from "../simulation/trace.ts";
import type { StepPlan } from "../simulation/workload.ts";
import { ManualClock } from "../support/clocks/manual-clock.ts";
import { note, stepOrder } from "../support/dagster/step-orders.ts";
import { MemoryLedger } from "../support/ports/memory-ledger.ts";
import { runnerContract } from "./runner.ts";
import type { Deed, MakeRunner } from "./runner-setup.ts";

const plain: StepPlan = {
  key: "",
  after: [],
  group: null,
  deeds: ["succeeds"],
  retries: 0,
  retryDelayMs: 0,
  durationMs: 0,
  hooksMs: 0,
  poison: false,
  dynamic: false,
  importableFromMs: 0,
  forged: false,
  form: "ours",
  tags: {},
};

const plans: Readonly<Record<Deed, Partial<StepPlan>>> = {
  succeeds: {},
  fails: { deeds: ["raises"] },
  wants_retry: { deeds: ["raises"], retries: 1 },
  crashes: { poison: true },
  exits: { poison: true },
  blocks: { durationMs: 1e12 },
  refuses_rerun: { tags: { "taskiq/on_worker_lost": "fail" } },
  cannot_run: { poison: true },
  is_not_open: {},
};

/** Time goes on by itself, as fast as it can. */
function runningClock(t: TestContext): ManualClock {
  const clock = new ManualClock();
  let over = false;
  t.after(() => {
    over = true;
  });
  void (async () => {
    while (!over) await clock.advance(10);
  })();
  return clock;
}

async function simulated(t: TestContext, records: boolean): ReturnType<MakeRunner> {
  const clock = runningClock(t);
  const dice = new Dice(1);
  const dagster = new Dagster(clock.wallMs);
  const producer = new Producer(
    new SqsModel({ clock }).createQueue("steps"),
    { runs: [], instance: null, signed: false },
    clock.wallMs,
  );
  producer.messages.set(note.messageId, {
    id: note.messageId,
    step: null,
    key: null,
    form: "ours",
    body: "",
    group: null,
    hostile: false,
    strange: false,
  });
  const made = new Map<string, StepPlan>();
  let forks = 0;
  const runner = new SimRunner({
    clock,
    dice,
    dagster,
    faults: new FaultPlan({ dice, rates: {}, nowMs: clock.monoMs, endMs: 0, only: null }),
    trace: new Trace(clock.monoMs),
    leaseMs: 60_000,
    life: new Life("worker-a", clock),
    referee: new Referee(dagster, producer),
    rules: hostRules,
    instance: null,
    records,
    ledger: new MemoryLedger({ clock, writeBoundMs: 5_000 }),
    planOf: ({ stepKey }) => made.get(stepKey) ?? plain,
    announced: () => true,
    fenceOf: () => 1,
    nextProcess: () => {
      forks += 1;
      return `p${forks}`;
    },
  });
  dagster.setRun("run-1", "started");
  dagster.setRun("run-over", "finished");
  await runner.start();
  return {
    runner,
    order: async (deed) => {
      const key = `step_${made.size + 1}`;
      const plan = { ...plain, ...plans[deed] };
      made.set(key, plan);
      const order = stepOrder(key);
      if (deed === "refuses_rerun") dagster.write(order.envelope, "STEP_START", "an earlier start");
      const attempt = deed === "is_not_open" ? 7 : 0;
      return { ...order, envelope: { ...order.envelope, attempt, tags: plan.tags } };
    },
    orderOfFinishedRun: async () => stepOrder("unfinished", "run-over"),
    events: async (step: StepId) => dagster.log(step).map(({ kind }) => kind),
    processes: () => runner.processes,
  };
}

runnerContract("simulated", (t) => simulated(t, false));
runnerContract("simulated, with a recorder", (t) => simulated(t, true));
