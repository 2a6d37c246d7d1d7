// The directory of one demo below .taskiq/demo: its Dagster home, its ledger and its logs. It
// stays, so that you can look at it. The next demo removes those whose process is gone.
import { mkdirSync, readdirSync, rmSync } from "node:fs";
import { join } from "node:path";
import { isAlive } from "../../cli/dev/home.ts";

const demos = ".taskiq/demo";

/** Relative to the checkout. */
export function createHome(): string {
  mkdirSync(demos, { recursive: true });
  for (const name of readdirSync(demos)) if (!isAlive(Number(name))) rmSync(join(demos, name), { recursive: true });
  const home = join(demos, String(process.pid));
  mkdirSync(home, { recursive: true });
  return home;
}
