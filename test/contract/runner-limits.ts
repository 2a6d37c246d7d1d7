// Limits and terms: a step that oversteps one is dead when its ending is known. It has recorded
// nothing, and its ending says why.
import assert from "node:assert/strict";
import { test } from "node:test";
import { defaultLimits } from "../../core/delivery/limits.ts";
import type { Term } from "../../core/runner/port.ts";
import { granting, never } from "../support/dagster/step-orders.ts";
import { eventually } from "../support/eventually.ts";
import type { MakeRunner, RunnerUnderTest } from "./runner-setup.ts";

/** Too short for any work, so that the limit is exceeded wherever the step is by then. */
const shortMs = 300;
/**
 * A host may have been frozen, so it counts a term from when it last found nothing to read: up to a
 * second before the term came.
 */
const termMs = 2_000;

export function limitContract(make: MakeRunner): void {
  test("a step that runs for too long is ended, with every process below it", async (t) => {
    const made = await make(t);
    const order = await made.order("blocks");
    const limits = { ...defaultLimits, timeoutMs: shortMs, graceMs: 100 };
    const ending = await made.runner.execute({ ...order, limits }, granting(), never);
    assert.equal(ending.kind === "over_limit" && ending.limit, "timed_out", JSON.stringify(ending));
    assert.equal(ending.kind === "over_limit" && ending.error.class, "StepTimedOut");
    await nothingIsLeft(made);
    assert.ok(["", "STEP_START"].includes((await made.events(order.envelope)).join()));
  });

  test("a step that ends in time is untouched by its limits", async (t) => {
    const { runner, order } = await make(t);
    const limits = { ...defaultLimits, timeoutMs: 60_000, silenceMs: 60_000, processes: 100 };
    const ending = await runner.execute({ ...(await order("succeeds")), limits }, granting(), never);
    assert.equal(ending.kind === "ended" && ending.result.state, "success", JSON.stringify(ending));
  });

  test("a process dies at the end of its term unless the term is renewed", async (t) => {
    const made = await make(t);
    const { runner } = made;
    const renewed = new TestTerm(termMs);
    const kill = new AbortController();
    const living = runner.execute({ ...(await made.order("blocks")), term: renewed }, granting(), kill.signal);
    renewed.renew(600_000);
    const order = await made.order("blocks");
    const forgotten = { ...order, term: new TestTerm(termMs) };
    assert.equal((await runner.execute(forgotten, granting(), never)).kind, "expired");
    assert.ok(["", "STEP_START"].includes((await made.events(order.envelope)).join()));
    await eventually("the renewed one runs", () => made.processes() > 0);
    kill.abort();
    assert.equal((await living).kind, "interrupted");
    await nothingIsLeft(made);
  });
}

async function nothingIsLeft({ processes }: RunnerUnderTest): Promise<void> {
  await eventually("nothing is left of the step", () => processes() === 0, 1_000);
}

class TestTerm implements Term {
  #leftMs: number;
  readonly #listeners = new Set<() => void>();

  constructor(leftMs: number) {
    this.#leftMs = leftMs;
  }

  leftMs(): number {
    return this.#leftMs;
  }

  onRenewed(listener: () => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  renew(leftMs: number): void {
    this.#leftMs = leftMs;
    for (const listener of this.#listeners) listener();
  }
}
