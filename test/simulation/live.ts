// A scenario lived through, from the first message to a fleet that has stopped, and the referee's
// verdict.
import { judgeEnd } from "./ending.ts";
import type { Violation } from "./referee.ts";
import { planScenario, type Scenario } from "./scenario.ts";
import { type HostRules, hostRules } from "./step-process.ts";
import type { TraceLine } from "./trace.ts";
import { build, reduce, type Selection, unswept, type World, wholeWorld } from "./world.ts";

export interface WorldReport {
  readonly seed: number;
  readonly deliveries: number;
  readonly violation: Violation | null;
  readonly struck: readonly string[];
  /** Of a silent world, the same for all; nor has it a trace. */
  readonly hash: string;
  readonly trace: readonly TraceLine[];
  readonly scenario: Scenario;
}

const TURN_MS = 10_000;
const TURNS_OVER = 5;
/**
 * Calm for so long, and not at its end: it never will be. The longest waits are a 12-fold backoff
 * and a version that is unknown.
 */
const PATIENCE_MS = 2 * 60 * 60_000;

export async function liveThrough(
  seed: number,
  selection: Selection = wholeWorld,
  rules: HostRules = hostRules,
  silent = false,
): Promise<WorldReport> {
  const scenario = reduce(planScenario(seed), selection);
  const world = build(scenario, selection, rules, silent);
  const { clock, referee, fleet, trace, faults } = world;
  fleet.open();
  // What a dead worker or process left on its way may yet arrive.
  for (let over = 0; referee.violation === null && over < TURNS_OVER; over = isOver(world) ? over + 1 : 0) {
    await clock.advance(TURN_MS);
    if (clock.monoMs() > scenario.calmFromMs + PATIENCE_MS) break;
  }
  fleet.close();
  for (let turns = 0; referee.violation === null && !fleet.empty && turns < 60; turns += 1)
    await clock.advance(TURN_MS);
  if (referee.violation === null) await judgeEnd(world);
  return {
    seed,
    deliveries: fleet.deliveries,
    violation: referee.violation,
    struck: faults.struck,
    hash: trace.hash(),
    trace: trace.lines,
    scenario,
  };
}

function isOver(world: World): boolean {
  const { scenario, clock, runs, source, agenda } = world;
  if (clock.monoMs() < scenario.calmFromMs || !agenda.empty) return false;
  if (source.inspect().length > 0 || unswept(world).length > 0) return false;
  return runs.every((run) => run.over || run.waitsForOperator);
}
