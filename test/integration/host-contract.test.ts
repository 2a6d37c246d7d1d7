// The runner contract on the real thing: a Python step host, Dagster's own execution, and its event
// log. Twice, because a step's process may be a fork or, by its tag, an interpreter of its own.
import { after, afterEach, before } from "node:test";
import type { StepOrder } from "../../core/runner/port.ts";
import type { StepId } from "../../core/step/step.ts";
import { runnerContract, stepContract } from "../contract/runner.ts";
import type { Deed, RunnerUnderTest } from "../contract/runner-setup.ts";
import { type DagsterHost, orderOf, startDagsterHost } from "../support/dagster/dagster-host.ts";
import { granting, never, stepOrder } from "../support/dagster/step-orders.ts";
import { Deployment } from "../support/taskiq/deployment.ts";

let deployment: Deployment;
/**
 * One for all tests, for it takes seconds to import Dagster; those that stop it make the next one
 * start another.
 */
let host: DagsterHost | null = null;

before(async () => {
  deployment = await Deployment.open();
});
afterEach((t) => deployment.explain(t));
after(async () => {
  await host?.runner.stop();
  await deployment.close();
});

const orders: Readonly<Record<Deed, () => Promise<StepOrder>>> = {
  succeeds: () => orderOf(deployment, "one_success", "succeed"),
  fails: () => orderOf(deployment, "one_failure", "read_barometer"),
  wants_retry: () => {
    const { trace } = deployment.files();
    return orderOf(deployment, "counts_runs", "count", {
      ops: { count: { config: { file: trace, failing_attempts: 1 } } },
    });
  },
  crashes: () => orderOf(deployment, "out_of_memory", "take_too_much"),
  exits: () => orderOf(deployment, "exits_hard", "exit_hard"),
  blocks: () => {
    const { started, release } = deployment.files();
    return orderOf(deployment, "waits_with_child", "wait_with_child", {
      ops: { wait_with_child: { config: { started, release } } },
    });
  },
  refuses_rerun: async () => {
    const order = await orderOf(deployment, "exits_hard", "exit_hard");
    await running().runner.execute(order, granting(), never);
    return tagged(order, { "taskiq/on_worker_lost": "fail" });
  },
  cannot_run: async () => {
    const order = await orderOf(deployment, "one_success", "succeed");
    // Only a worker of another version could say so.
    return { ...order, envelope: { ...order.envelope, retryMode: "unheard of" as "deferred" } };
  },
  is_not_open: async () => {
    const order = await orderOf(deployment, "one_success", "succeed");
    return { ...order, envelope: { ...order.envelope, attempt: 7 } };
  },
};

runnerContract("Dagster", () => make({}));
stepContract("runner contract: Dagster, an interpreter for each step", () => make({ "taskiq/isolation": "spawn" }));

async function make(tags: Readonly<Record<string, string>>): Promise<RunnerUnderTest> {
  if (host === null || host.runner.unavailable() !== null) host = await startDagsterHost(deployment);
  return {
    ...host,
    order: async (deed) => tagged(await orders[deed](), tags),
    orderOfFinishedRun: async () =>
      tagged(stepOrder("succeed", await deployment.dagster.createRun("one_success", {}, "SUCCESS")), tags),
    events,
  };
}

function tagged(order: StepOrder, tags: Readonly<Record<string, string>>): StepOrder {
  return { ...order, envelope: { ...order.envelope, tags: { ...order.envelope.tags, ...tags } } };
}

function running(): DagsterHost {
  if (host === null) throw new Error("no host was started");
  return host;
}

async function events({ runId, stepKey }: StepId): Promise<readonly string[]> {
  const kept = ["STEP_START", "STEP_SUCCESS", "STEP_FAILURE", "STEP_UP_FOR_RETRY"];
  return (await deployment.dagster.eventsOf(runId, stepKey)).filter((type) => kept.includes(type));
}
