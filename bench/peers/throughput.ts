// Steps per second, and CPU per step of everything: a job of ops that do nothing.
import type { Bench } from "./bench.ts";
import { startCelery } from "./celery.ts";
import { type Contender, startInRunWorker, startTaskiq } from "./contenders.ts";
import type { Instance, Storage } from "./instance.ts";
import { measureRun } from "./measured-run.ts";
import { measurePairs, type Pair, type Shape } from "./pairs.ts";
import { ensurePeerPython, findRedis } from "./peer-environment.ts";
import { recycledFlags } from "./recycled.ts";
import type { Row } from "./rows.ts";
import { besideRow, contenderRows, inProcessRow, pointsOf } from "./throughput-rows.ts";

interface Entry {
  readonly name: string;
  readonly storages: readonly Storage[];
  /** A step of it takes a second or more, so it gets a job of fewer ops. */
  readonly slow: boolean;
  /** `null`, with a reason in the table, where it cannot be had. */
  start(instance: Instance, python: string): Promise<Contender> | null;
  readonly missing?: string;
}

const both: readonly Storage[] = ["Postgres", "SQLite"];

/** The first is what the goals are about, and what the others are compared with. */
async function contenders(): Promise<readonly Entry[]> {
  const recycled = await recycledFlags();
  const redis = await findRedis();
  const peerPython = redis === null ? "" : await ensurePeerPython();
  return [
    {
      name: "fork, 2 slots",
      storages: both,
      slow: false,
      start: (on, python) => startTaskiq(on, python, { slots: 2 }),
    },
    {
      name: "recycled, 2 slots",
      storages: both,
      slow: false,
      missing: "this taskiq has no --steps-per-process",
      start: (on, python) => (recycled === null ? null : startTaskiq(on, python, { slots: 2, flags: recycled })),
    },
    {
      name: "spawn, 2 slots",
      storages: ["Postgres"],
      slow: true,
      start: (on, python) => startTaskiq(on, python, { slots: 2, executor: "spawned" }),
    },
    {
      name: "multiprocess_executor, 2 at once",
      storages: ["Postgres"],
      slow: true,
      start: async (on, python) => startInRunWorker(on, python, "multiprocess"),
    },
    {
      name: "dagster-celery with Redis, 2 processes",
      storages: ["Postgres"],
      slow: true,
      missing: "no redis-server on the PATH, and apt-get has none",
      start: (on) => (redis === null ? null : startCelery(on, peerPython, redis)),
    },
  ];
}

export async function measureThroughput(bench: Bench): Promise<readonly Row[]> {
  const rows: Row[] = [];
  for (const storage of bench.plan.storages) rows.push(...(await measureOn(bench, storage)));
  return rows;
}

async function measureOn(bench: Bench, storage: Storage): Promise<readonly Row[]> {
  const { instance } = await bench.on(storage);
  const measured = new Map<string, readonly Pair[]>();
  const rows: Row[] = [];
  for (const entry of await contenders()) {
    if (!entry.storages.includes(storage) || !entry.name.includes(bench.plan.contender)) continue;
    const starting = entry.start(instance, bench.python);
    if (starting === null) {
      rows.push({
        section: storage,
        name: `${storage}, ${entry.name}`,
        value: entry.missing ?? "",
        ratio: null,
        goal: null,
      });
      continue;
    }
    bench.say(`${storage}: ${entry.name}`);
    const pairs = await bench.beside(starting, (contender) => measureEntry(bench, storage, contender, entry.slow));
    measured.set(entry.name, pairs);
    rows.push(...contenderRows(storage, entry.name, pairs));
  }
  const inProcess = [...measured.values()].flat().map((pair) => pair.inProcess);
  bench.points.push(...pointsOf(storage, measured));
  return [inProcessRow(storage, inProcess), ...rows, ...besideRows(measured)];
}

async function measureEntry(
  bench: Bench,
  storage: Storage,
  contender: Contender,
  slow: boolean,
): Promise<readonly Pair[]> {
  const { instance } = await bench.on(storage);
  const { slowOps, rounds } = bench.plan;
  const whole = { shape: "noops_100", steps: 100 };
  const shape: Shape = slow
    ? { shape: `noops_${slowOps}`, steps: slowOps, inProcess: whole, rounds }
    : { ...whole, rounds };
  // What a long-lived worker has behind it: the first steps of a process load modules.
  await measureRun(instance, contender, "noops_2", 2);
  if (!slow) await measureRun(instance, contender, "noops_10", 10);
  return measurePairs(bench, storage, contender, shape);
}

function besideRows(measured: ReadonlyMap<string, readonly Pair[]>): readonly Row[] {
  const ours = measured.get("fork, 2 slots") ?? [];
  const goals = { "dagster-celery with Redis, 2 processes": 6, "multiprocess_executor, 2 at once": 30 };
  return Object.entries(goals).flatMap(([name, least]) => {
    const theirs = measured.get(name);
    return theirs === undefined || ours.length === 0 ? [] : [besideRow(name, ours, theirs, least)];
  });
}
