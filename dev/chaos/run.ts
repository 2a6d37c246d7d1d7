// One chaos run from its start to the line of figures; what it leaves behind when something was
// wrong.
import { spawn } from "node:child_process";
import { fileURLToPath } from "node:url";
import { Chaos } from "../../test/chaos/chaos.ts";
import { keepEvidence } from "../../test/chaos/evidence.ts";
import type { ChaosPlan } from "../../test/chaos/plan.ts";

/** Answers the exit code: 0 when nothing disagrees. */
export async function runChaos(plan: ChaosPlan): Promise<number> {
  const { seed, workers, fifo, database } = plan;
  process.stdout.write(`chaos, seed ${seed}: ${workers} workers, a ${fifo ? "FIFO" : "standard"} queue, ${database}\n`);
  const acts: string[] = [];
  const chaos = await Chaos.open(plan, (line) => {
    acts.push(line);
    process.stdout.write(`  ${line}\n`);
  });
  const warden = startWarden(chaos.scene.deployment.home);
  try {
    const wrong = await verdict(chaos);
    if (wrong.length === 0) return 0;
    const folder = await keepEvidence(chaos, seed, [...acts, ...wrong]);
    const lines = wrong.map((line) => `  ${line}`).join("\n");
    process.stdout.write(`chaos, seed ${seed}, FAILED:\n${lines}\nlogs, ledger and events: ${folder}\n`);
    return 1;
  } finally {
    await chaos.close();
    warden.stdin.end();
  }
}

/** It ends what is left of the run, however the run ends. */
function startWarden(home: string) {
  const program = fileURLToPath(new URL("warden.ts", import.meta.url));
  return spawn(process.execPath, [program, home], { detached: true, stdio: ["pipe", "ignore", "inherit"] });
}

async function verdict(chaos: Chaos): Promise<readonly string[]> {
  try {
    const { figures, disagreements } = await chaos.run();
    process.stdout.write(`chaos: ${figures}\n`);
    return disagreements;
  } catch (error) {
    return [error instanceof Error ? (error.stack ?? error.message) : String(error)];
  }
}
