// bench/RESULTS.md and the plots: what was measured, on what.
import { execFileSync } from "node:child_process";
import { readFileSync, writeFileSync } from "node:fs";
import { availableParallelism, cpus, loadavg } from "node:os";
import { fileURLToPath } from "node:url";
import { lockedVersion } from "../../dev/test/dagster-versions.ts";
import type { Plan } from "./plan.ts";
import { renderPlots } from "./plots.ts";
import type { Point } from "./points.ts";
import { type Row, renderTable } from "./rows.ts";

const root = fileURLToPath(new URL("../../", import.meta.url));

export function renderResults(rows: readonly Row[], plan: Plan, machine: string): string {
  return `# What \`npm run bench\` measured

<!-- Written by the bench. docs/performance.md explains each line. -->

${machine}

${plan.rounds} rounds. A ratio is beside Dagster's in-process executor, run right before on the same instance, unless the
line names something else; it is the median of the rounds, with the least and the most of them.

${renderTable(rows)}
`;
}

/** Cores, model, versions, commit: what a reader needs to judge the figures. */
export function describeMachine(python: string): string {
  const version = execFileSync(python, ["--version"], { encoding: "utf8" }).trim();
  const dagster = lockedVersion(readFileSync(`${root}python/requirements.in`, "utf8"));
  const commit = execFileSync("git", ["-C", root, "rev-parse", "--short", "HEAD"], { encoding: "utf8" }).trim();
  const cores = `${availableParallelism()} cores (${cpus()[0]?.model ?? "unknown model"})`;
  const load = `load average ${loadavg()[1]?.toFixed(1)} at the end`;
  return `${cores}, ${version}, Dagster ${dagster}, Node ${process.versions.node}, commit ${commit}, ${load}.`;
}

export function writeResults(text: string, points: readonly Point[]): void {
  writeFileSync(`${root}bench/RESULTS.md`, text);
  writeFileSync(`${root}docs/performance.svg`, renderPlots(points));
}
