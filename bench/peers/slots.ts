// What each slot holds while its step runs: memory of its own, and connections to Dagster's
// database.
import { readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import postgres from "postgres";
import { eventually } from "../../test/support/eventually.ts";
import type { Bench } from "./bench.ts";
import { startTaskiq } from "./contenders.ts";
import { stepProcesses } from "./cpu-account.ts";
import { mean } from "./figures.ts";
import type { Instance } from "./instance.ts";
import { type Row, valueGoal } from "./rows.ts";

const SLOTS = 32;
const START_MS = 300_000;
const LOOK_MS = 50;
const STEPS_HOLD_MS = 3_000;

/**
 * Names of connections that are not a worker's to Dagster: of its ledger, the run worker, the
 * bench.
 */
const others = ["taskiq worker-of-bench", "taskiq run worker", "bench run worker", "bench"];

export async function measureSlots(bench: Bench): Promise<readonly Row[]> {
  const { instance } = await bench.on("Postgres");
  bench.say(`Postgres: ${SLOTS} steps that wait, at ${SLOTS} slots`);
  const options = {
    slots: SLOTS,
    flags: ["--worker-id", "worker-of-bench"],
    runWorkerEnv: { PGAPPNAME: "bench run worker" },
  };
  return bench.beside(startTaskiq(instance, bench.python, options), async ({ worker, runWorker }) => {
    const release = join(instance.home, "release");
    rmSync(release, { force: true });
    const connections = watchConnections(instance);
    const run = await runWorker.create(`held_${SLOTS}__taskiq`);
    const ended = run.execute();
    const holding = () => stepProcesses(worker.pid).length >= SLOTS;
    await eventually("every slot runs a step", holding, START_MS);
    await sleep(STEPS_HOLD_MS);
    const memory = mean(stepProcesses(worker.pid).map(privateMebibytes));
    writeFileSync(release, "");
    await ended;
    const most = await connections.stop();
    return rowsOf(memory, most);
  });
}

function rowsOf(memory: number, connections: number): readonly Row[] {
  const section = "slots";
  return [
    {
      section,
      name: "private memory of a running step that does nothing",
      ratio: null,
      value: `${memory.toFixed(1)} MiB`,
      goal: valueGoal(memory, 15, "MiB"),
    },
    {
      section,
      name: `connections to Dagster's database at ${SLOTS} slots, at most`,
      ratio: null,
      value: String(connections),
      goal: valueGoal(connections, 3, ""),
    },
  ];
}

function privateMebibytes(pid: number): number {
  const text = readFileSync(`/proc/${pid}/smaps_rollup`, "utf8");
  const sizes = [...text.matchAll(/^Private_(?:Clean|Dirty):\s+(\d+) kB/gm)].map(([, size]) => Number(size));
  return sizes.reduce((sum, size) => sum + size, 0) / 1024;
}

/** Looks at the server's own list until it is stopped; answers the most that were open at once. */
function watchConnections(instance: Instance): { stop(): Promise<number> } {
  const sql = postgres(instance.postgresUrl ?? "", { max: 1, connection: { application_name: "bench" } });
  let most = 0;
  let stopped = false;
  const looking = (async () => {
    while (!stopped) {
      const [row] = await sql`
        SELECT count(*)::int AS open FROM pg_stat_activity
        WHERE backend_type = 'client backend' AND NOT application_name = ANY(${others})`;
      most = Math.max(most, (row?.["open"] as number | undefined) ?? 0);
      await sleep(LOOK_MS);
    }
  })();
  const stop = async () => {
    stopped = true;
    await looking;
    await sql.end();
    return most;
  };
  return { stop };
}
