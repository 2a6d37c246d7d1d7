// What every `Agent` must do.
import assert from "node:assert/strict";
import { type TestContext, test } from "node:test";
import type { Agent } from "../../core/agent/port.ts";

export interface AgentBench {
  readonly agent: Agent;
  /** For how many minutes the task was protected last. `null` means unprotected. */
  minutes(): number | null;
  /** From now on it says no, for this reason. */
  refuse(why: string): void;
  /** From now on it does not answer. */
  fallSilent(): void;
}

export function agentContract(name: string, open: (t: TestContext) => Promise<AgentBench>): void {
  const never = new AbortController().signal;

  test(`${name}: each request protects for its own number of minutes, and a drop ends the protection`, async (t) => {
    const { agent, minutes } = await open(t);
    assert.deepEqual(await agent.drop(never), { kind: "done" });
    assert.deepEqual(await agent.protect(10, never), { kind: "done" });
    assert.equal(minutes(), 10);
    assert.deepEqual(await agent.protect(1, never), { kind: "done" });
    assert.equal(minutes(), 1);
    assert.deepEqual(await agent.drop(never), { kind: "done" });
    assert.equal(minutes(), null);
  });

  test(`${name}: a refusal is an answer with its reason, and changes nothing`, async (t) => {
    const { agent, minutes, refuse } = await open(t);
    await agent.protect(10, never);
    refuse("TASK_NOT_VALID");
    for (const answer of [await agent.protect(5, never), await agent.drop(never)]) {
      assert.equal(answer.kind, "refused");
      assert.match(answer.kind === "refused" ? answer.why : "", /TASK_NOT_VALID/);
    }
    assert.equal(minutes(), 10);
  });

  test(`${name}: the agent may have acted on a request that was aborted, so its state is unknown`, async (t) => {
    const { agent, fallSilent } = await open(t);
    fallSilent();
    const abort = new AbortController();
    const asking = agent.protect(10, abort.signal);
    abort.abort();
    assert.equal((await asking).kind, "unknown");
  });
}
