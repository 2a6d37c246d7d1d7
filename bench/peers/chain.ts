// Forty short steps in a row: the time from step to step, and from a step's order to its start
// while a slot is free.
import type { Bench } from "./bench.ts";
import { startTaskiq } from "./contenders.ts";
import { figureOf, percentile } from "./figures.ts";
import { type MeasuredRun, measureRun } from "./measured-run.ts";
import { measurePairs, type Pair } from "./pairs.ts";
import { recycledFlags } from "./recycled.ts";
import { type Row, ratioGoal, ratios, valueGoal } from "./rows.ts";

const STEPS = 40;
const section = "chain";

export async function measureChain(bench: Bench): Promise<readonly Row[]> {
  bench.say("Postgres: a chain of 40 × fib(10); taskiq, fork, 2 slots");
  const forked = await pairsWith(bench, []);
  const flags = await recycledFlags();
  if (flags === null) return [...waitRows(forked), chainRow("fork", forked, 1.3), noRecycling];
  bench.say(`Postgres: the chain; taskiq ${flags.join(" ")}`);
  const recycled = await pairsWith(bench, flags);
  return [...waitRows(forked), chainRow("fork", forked, 1.3), chainRow("recycled", recycled, 0.8)];
}

async function pairsWith(bench: Bench, flags: readonly string[]): Promise<readonly Pair[]> {
  const { instance } = await bench.on("Postgres");
  return bench.beside(startTaskiq(instance, bench.python, { slots: 2, flags }), async (taskiq) => {
    await measureRun(instance, taskiq, "noops_10", 10);
    return measurePairs(bench, "Postgres", taskiq, { shape: "chain", steps: STEPS, rounds: bench.plan.rounds });
  });
}

function chainRow(how: string, pairs: readonly Pair[], most: number): Row {
  const each = ({ wallMs, steps }: MeasuredRun) => wallMs / steps;
  const ratio = ratios(pairs, ({ inProcess, contender }) => each(contender) / each(inProcess));
  const [ours, theirs] = [pairs.map(({ contender }) => each(contender)), pairs.map(({ inProcess }) => each(inProcess))];
  const value = `${figureOf(ours).median.toFixed(0)} ms beside ${figureOf(theirs).median.toFixed(0)} ms`;
  const name = `chain of 40 × fib(10), ${how}: time per step`;
  return { section, name, value, ratio, goal: ratioGoal(ratio, { most }) };
}

function waitRows(pairs: readonly Pair[]): readonly Row[] {
  const waits = pairs.flatMap(({ contender }) => contender.waitsMs);
  return ([50, 99] as const).map((percent) => {
    const value = percentile(waits, percent);
    const name = `from order to STEP_START, a slot free: p${percent}`;
    const goal = valueGoal(value, percent === 50 ? 50 : 150, "ms");
    return { section, name, value: `${value.toFixed(0)} ms`, ratio: null, goal };
  });
}

const noRecycling: Row = {
  section,
  name: "chain of 40 × fib(10), recycled: time per step",
  value: "this taskiq has no --steps-per-process",
  ratio: null,
  goal: null,
};
