// Steps per second, and CPU per step of everything: a job of ops that do nothing.
import type { Bench } from "./bench.ts";
import { startTaskiq } from "./contenders.ts";
import { sumOf } from "./cpu-account.ts";
import { figureOf, mean } from "./figures.ts";
import type { Storage } from "./instance.ts";
import { cpuPerStep, type MeasuredRun, measureRun, stepsPerSecond } from "./measured-run.ts";
import { measurePairs, type Pair } from "./pairs.ts";
import { type Row, ratioGoal, ratios } from "./rows.ts";

const goals = {
  Postgres: { rate: { least: 1 }, cpu: { most: 1.6 } },
  SQLite: { rate: { least: 0.8 }, cpu: { most: 3 } },
} as const;

export async function measureThroughput(bench: Bench): Promise<readonly Row[]> {
  const rows: Row[] = [];
  for (const storage of bench.plan.storages) {
    const { instance } = await bench.on(storage);
    bench.say(`${storage}: taskiq, fork, 2 slots`);
    const pairs = await bench.beside(startTaskiq(instance, bench.python, { slots: 2 }), async (taskiq) => {
      await measureRun(instance, taskiq, "noops_10", 10);
      return measurePairs(bench, storage, taskiq, { shape: "noops_100", steps: 100, rounds: bench.plan.rounds });
    });
    rows.push(...forkRows(storage, pairs));
  }
  return rows;
}

function forkRows(storage: Storage, pairs: readonly Pair[]): readonly Row[] {
  const section = storage;
  const beside = pairs.map(({ inProcess }) => inProcess);
  const ours = pairs.map(({ contender }) => contender);
  const rate = ratios(pairs, ({ inProcess, contender }) => stepsPerSecond(contender) / stepsPerSecond(inProcess));
  const cpu = ratios(pairs, ({ inProcess, contender }) => cpuPerStep(contender) / cpuPerStep(inProcess));
  const rows: Row[] = [
    { section, name: `${storage}, in-process`, value: said(beside), ratio: null, goal: null },
    {
      ...{ section, name: `${storage}, fork, 2 slots: steps/s`, value: rateOf(ours), ratio: rate },
      goal: ratioGoal(rate, goals[storage].rate),
    },
    {
      ...{ section, name: `${storage}, fork, 2 slots: CPU per step`, value: cpuOf(ours), ratio: cpu },
      goal: ratioGoal(cpu, goals[storage].cpu),
    },
  ];
  return storage === "SQLite" ? rows : [...rows, serverRow(storage, pairs)];
}

function serverRow(section: string, pairs: readonly Pair[]): Row {
  const server = ({ cpu, steps }: MeasuredRun) => (cpu["Postgres server"] ?? 0) / steps;
  const ratio = ratios(pairs, ({ inProcess, contender }) => server(contender) / server(inProcess));
  const value = `${figureOf(pairs.map(({ contender }) => server(contender))).median.toFixed(1)} ms`;
  const name = "Postgres, fork, 2 slots: CPU of the server alone";
  return { section, name, value, ratio, goal: ratioGoal(ratio, { most: 0.5 }) };
}

function said(runs: readonly MeasuredRun[]): string {
  return `${rateOf(runs)}, ${cpuOf(runs)}`;
}

function rateOf(runs: readonly MeasuredRun[]): string {
  return `${figureOf(runs.map(stepsPerSecond)).median.toFixed(1)} steps/s`;
}

/** The whole, and the parts that matter. */
function cpuOf(runs: readonly MeasuredRun[]): string {
  const kinds = [...new Set(runs.flatMap(({ cpu }) => Object.keys(cpu)))];
  const parts = kinds
    .map((kind): [string, number] => [kind, mean(runs.map(({ cpu, steps }) => (cpu[kind] ?? 0) / steps))])
    .sort(([, a], [, b]) => b - a)
    .filter(([, ms]) => ms >= 0.05)
    .map(([kind, ms]) => `${kind} ${ms.toFixed(1)}`);
  const whole = mean(runs.map(({ cpu, steps }) => sumOf(cpu) / steps));
  return `${whole.toFixed(1)} ms (${parts.join(", ")})`;
}
