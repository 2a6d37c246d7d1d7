// What a step costs beside Dagster's in-process executor, with bounds that only a step of several
// times the cost oversteps. `npm run bench` has the figures.
import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { type Contender, startInRunWorker, startTaskiq } from "../../bench/peers/contenders.ts";
import { Instance } from "../../bench/peers/instance.ts";
import { cpuPerStep, type MeasuredRun, measureRun } from "../../bench/peers/measured-run.ts";
import { PYTHON } from "../support/dagster/dagster-sidecar.ts";

const STEPS = 20;
const MOST_ROUNDS = 3;
/**
 * A machine that was busy with other tests has shown 2.3. Load costs the many processes of a worker
 * more than the one.
 */
const MOST_CPU = 10;

let instance: Instance;
let inProcess: Contender;
let taskiq: Contender;

before(async () => {
  instance = await Instance.open("Postgres");
  inProcess = startInRunWorker(instance, PYTHON, "in_process");
  taskiq = await startTaskiq(instance, PYTHON, { slots: 2 });
});

after(async () => {
  await taskiq?.stop();
  await inProcess?.stop();
  await instance?.close();
});

function measure(contender: Contender): Promise<MeasuredRun> {
  return measureRun(instance, contender, `noops_${STEPS}`, STEPS);
}

test(`a step takes at most ${MOST_CPU} times the CPU of a step in one process`, async (t) => {
  for (const contender of [inProcess, taskiq]) await measureRun(instance, contender, "noops_2", 2);
  const ratios: number[] = [];
  while (ratios.length < MOST_ROUNDS && !ratios.some((ratio) => ratio <= MOST_CPU)) {
    const [ours, theirs] = [await measure(taskiq), await measure(inProcess)];
    ratios.push(cpuPerStep(ours) / cpuPerStep(theirs));
    t.diagnostic(`${cpuPerStep(ours).toFixed(0)} ms beside ${cpuPerStep(theirs).toFixed(0)} ms`);
  }
  assert.ok(Math.min(...ratios) <= MOST_CPU, `expected a ratio of at most ${MOST_CPU}, got ${ratios.join(", ")}`);
});
