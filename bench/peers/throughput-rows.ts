// The table's lines and the plots' points of jobs whose ops do nothing.
import { sumOf } from "./cpu-account.ts";
import { figureOf, mean } from "./figures.ts";
import type { Storage } from "./instance.ts";
import { cpuPerStep, type MeasuredRun, stepsPerSecond } from "./measured-run.ts";
import type { Pair } from "./pairs.ts";
import type { Point } from "./points.ts";
import { type Goal, type Row, ratioGoal, ratios } from "./rows.ts";

interface Bounds {
  readonly least?: number;
  readonly most?: number;
}

const rateGoals: Readonly<Record<string, Bounds>> = {
  "Postgres, fork, 2 slots": { least: 1 },
  "SQLite, fork, 2 slots": { least: 0.8 },
  "Postgres, recycled, 2 slots": { least: 1.7 },
};
const cpuGoals: Readonly<Record<string, Bounds>> = {
  "Postgres, fork, 2 slots": { most: 1.6 },
  "SQLite, fork, 2 slots": { most: 3 },
};
const serverGoals: Readonly<Record<string, Bounds>> = { "Postgres, fork, 2 slots": { most: 0.5 } };

export function inProcessRow(storage: Storage, runs: readonly MeasuredRun[]): Row {
  const value = `${rateOf(runs)}, ${cpuOf(runs)} CPU per step`;
  return { section: storage, name: `${storage}, in-process`, value, ratio: null, goal: null };
}

export function contenderRows(storage: Storage, contender: string, pairs: readonly Pair[]): readonly Row[] {
  const name = `${storage}, ${contender}`;
  const ours = pairs.map((pair) => pair.contender);
  const row = (what: string, value: string, of: (run: MeasuredRun) => number, bounds: Bounds | undefined): Row => {
    const ratio = ratios(pairs, (pair) => of(pair.contender) / of(pair.inProcess));
    const goal: Goal | null = bounds === undefined ? null : ratioGoal(ratio, bounds);
    return { section: storage, name: `${name}: ${what}`, value, ratio, goal };
  };
  const server = figureOf(ours.map(serverOf)).median;
  const rows = [
    row("steps/s", rateOf(ours), stepsPerSecond, rateGoals[name]),
    row("CPU per step", cpuOf(ours), cpuPerStep, cpuGoals[name]),
  ];
  if (storage === "SQLite") return rows;
  return [...rows, row("CPU per step of PostgreSQL", `${server.toFixed(1)} ms`, serverOf, serverGoals[name])];
}

/** Both were measured beside the same thing, so the ratio of their ratios is theirs. */
export function besideRow(name: string, ours: readonly Pair[], theirs: readonly Pair[], least: number): Row {
  const beside = ({ contender, inProcess }: Pair) => stepsPerSecond(contender) / stepsPerSecond(inProcess);
  const [a, b] = [ratios(ours, beside), ratios(theirs, beside)];
  const ratio = { median: a.median / b.median, least: a.least / b.most, most: a.most / b.least };
  const value = `${rateOf(ours.map(({ contender }) => contender))} beside ${rateOf(theirs.map(({ contender }) => contender))}`;
  const goal = ratioGoal(ratio, { least });
  return { section: "Postgres", name: `fork, 2 slots, beside ${name}: steps/s`, value, ratio, goal };
}

export function pointsOf(storage: Storage, measured: ReadonlyMap<string, readonly Pair[]>): readonly Point[] {
  const inProcess = [...measured.values()].flat().map((pair) => pair.inProcess);
  const runs: [string, readonly MeasuredRun[]][] = [["in-process", inProcess]];
  for (const [name, pairs] of measured) runs.push([name, pairs.map(({ contender }) => contender)]);
  return runs.flatMap(([name, of]): Point[] => [
    { plot: "rate", contender: `${storage}, ${name}`, x: 0, y: figureOf(of.map(stepsPerSecond)).median },
    { plot: "cpu", contender: `${storage}, ${name}`, x: 0, y: figureOf(of.map(cpuPerStep)).median },
  ]);
}

function serverOf({ cpu, steps }: MeasuredRun): number {
  return (cpu["Postgres server"] ?? 0) / steps;
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
