// What a step costs by the size of its job, and a dynamic fan-out.
import { readFileSync } from "node:fs";
import type { Bench } from "./bench.ts";
import { type Contender, startTaskiq } from "./contenders.ts";
import { sumOf } from "./cpu-account.ts";
import { mean } from "./figures.ts";
import { type MeasuredRun, measureRun, stepsPerSecond } from "./measured-run.ts";
import type { Point } from "./points.ts";
import { processTree } from "./process-tree.ts";
import { type Row, ratioGoal, ratios } from "./rows.ts";

/**
 * The smallest job runs several times, since /proc counts in hundredths of a second.
 */
const sizes = [
  { size: 10, runs: 10 },
  { size: 100, runs: 1 },
  { size: 1000, runs: 1 },
] as const;
const MEMORY_EVERY_MS = 1_000;

export async function measureJobSizes(bench: Bench): Promise<readonly Row[]> {
  const { instance, inProcess } = await bench.on("Postgres");
  bench.say(`Postgres: jobs of 10 to ${bench.plan.largestJob} ops; in-process, then taskiq`);
  const beside = await bySize(bench, inProcess);
  const ours = await bench.beside(startTaskiq(instance, bench.python, { slots: 2 }), async (taskiq) => {
    await measureRun(instance, taskiq, "noops_10", 10);
    return bySize(bench, taskiq);
  });
  bench.points.push(...pointsOf("in-process", beside), ...pointsOf("taskiq, fork, 2 slots", ours));
  const least = withoutRunWorker(ours[0] ?? []);
  return ours.slice(1).map((runs, i) => {
    const ratio = ratios(runs, (run) => withoutRunWorker([run]) / least);
    const size = sizes[i + 1]?.size ?? 0;
    const name = `${size} ops beside 10 ops: CPU per step of worker and server`;
    const value = `${withoutRunWorker(runs).toFixed(1)} ms beside ${least.toFixed(1)} ms`;
    return { section: "size", name, value, ratio, goal: ratioGoal(ratio, { most: 1.2 }) };
  });
}

async function bySize(bench: Bench, contender: Contender): Promise<MeasuredRun[][]> {
  const { instance } = await bench.on("Postgres");
  const measured: MeasuredRun[][] = [];
  for (const { size, runs } of sizes.filter(({ size }) => size <= bench.plan.largestJob)) {
    const ofSize: MeasuredRun[] = [];
    while (ofSize.length < runs) ofSize.push(await measureRun(instance, contender, `noops_${size}`, size));
    bench.say(`  ${size} ops: ${mean(ofSize.map(stepsPerSecond)).toFixed(1)} steps/s`);
    measured.push(ofSize);
  }
  return measured;
}

function pointsOf(contender: string, measured: readonly (readonly MeasuredRun[])[]): Point[] {
  return measured.map((runs, i) => ({
    plot: "job size",
    contender,
    x: sizes[i]?.size ?? 0,
    y: mean(runs.map(({ cpu, steps }) => sumOf(cpu) / steps)),
  }));
}

/** A run's own cost, which a run worker has by the run, would flatter the larger job. */
function withoutRunWorker(runs: readonly MeasuredRun[]): number {
  return mean(runs.map(({ cpu, steps }) => (sumOf(cpu) - (cpu["run worker"] ?? 0)) / steps));
}

export async function measureFanOut(bench: Bench): Promise<readonly Row[]> {
  const { width } = bench.plan;
  const { instance } = await bench.on("Postgres");
  bench.say(`Postgres: a dynamic fan-out of ${width}`);
  return bench.beside(startTaskiq(instance, bench.python, { slots: 2 }), async (taskiq) => {
    await measureRun(instance, taskiq, "noops_10", 10);
    const node = taskiq.worker.pid;
    const most = { worker: 0, runWorker: 0 };
    const look = setInterval(() => {
      most.worker = Math.max(most.worker, memoryBelow(node));
      most.runWorker = Math.max(most.runWorker, memoryBelow(taskiq.runWorker.pid));
    }, MEMORY_EVERY_MS);
    const config = { ops: { fan: { config: { width } } } };
    const run = await measureRun(instance, taskiq, "fan_out", width + 2, config).finally(() => clearInterval(look));
    const rate = `${stepsPerSecond(run).toFixed(1)} steps/s, ${(sumOf(run.cpu) / run.steps).toFixed(1)} ms CPU per step`;
    const memory = `worker ${mebibytes(most.worker)}, run worker ${mebibytes(most.runWorker)}`;
    const message = `${await instance.largestMessage()} bytes`;
    const row = (name: string, value: string): Row => ({ section: "fan-out", name, value, ratio: null, goal: null });
    const goal = { text: "finishes", met: true };
    return [
      { ...row(`dynamic fan-out of ${width}`, rate), goal },
      row("its memory at most (proportional set size)", memory),
      row("its largest message", message),
    ];
  });
}

/** Kibibytes of the process and all below it; a shared page counts as the share of each. */
function memoryBelow(root: number): number {
  return processTree(root).reduce((sum, { pid }) => sum + proportionalSetSize(pid), 0);
}

function proportionalSetSize(pid: number): number {
  try {
    return Number(/^Pss:\s+(\d+) kB/m.exec(readFileSync(`/proc/${pid}/smaps_rollup`, "utf8"))?.[1] ?? 0);
  } catch {
    return 0; // ended meanwhile
  }
}

function mebibytes(kibibytes: number): string {
  return `${Math.round(kibibytes / 1024)} MiB`;
}
