// Opens the step host: for a worker, which runs steps in it, and for a command that only looks.
import { systemClock as clock } from "../../core/clock.ts";
import type { Observe } from "../../core/observe.ts";
import { type Greeting, greetHost } from "../../core/runner/greeting.ts";
import { HostRunner } from "../../core/runner/host.ts";
import type { HostSettings } from "../../core/runner/host-process.ts";
import type { Runner, StepOutput } from "../../core/runner/port.ts";
import type { LedgerChoice } from "../options/ledger-options.ts";
import { locationOptions } from "../options/location-options.ts";
import { ownVariables, without } from "../options/own-variables.ts";
import type { Env } from "../options/resolve.ts";
import { variablesOf } from "../options/unknown-variables.ts";

export interface HostPlace {
  readonly python: string;
  /** Absolute. */
  readonly dagsterHome: string;
  /** Dagster's own flags. */
  readonly locationArgs: readonly string[];
  /** Whether it imports what its steps were seen to import. */
  readonly importsAhead: boolean;
  /** How many steps of a run one process runs, one after the other. */
  readonly stepsPerProcess: number;
  /** `null` means that no ledger is opened. */
  readonly ledger: LedgerChoice | null;
}

/** Importing Dagster and a large code location can take minutes. */
const START_MS = 300_000;

/** Starts nothing yet. */
export function openStepHost(place: HostPlace, stepOutput: StepOutput, env: Env, observe: Observe): Runner {
  return new HostRunner(settingsOf(place, env), { clock, observe, chance: Math.random, stepOutput });
}

/**
 * Opens a host that imports no code location, even if Dagster's own variables name some. Starts
 * nothing yet.
 */
export function openLookingHost(
  place: Omit<HostPlace, "locationArgs" | "importsAhead" | "stepsPerProcess">,
  env: Env,
  observe: Observe,
): Runner {
  const codeless = without(env, variablesOf(locationOptions));
  const settings = settingsOf({ ...place, locationArgs: [], importsAhead: false, stepsPerProcess: 1 }, codeless);
  return new HostRunner(settings, { clock, observe, chance: Math.random });
}

/** Starts a worker's step host, hears what it says, and ends it. Rejects with a `Fault`. */
export function greet(place: HostPlace, startMs: number, env: Env, observe: Observe): Promise<Greeting> {
  return greetHost({ ...settingsOf(place, env), startMs, count: true }, { clock, observe });
}

function settingsOf(place: HostPlace, env: Env): HostSettings {
  const { python, locationArgs, importsAhead, stepsPerProcess, ledger, dagsterHome } = place;
  const variables = { ...without(env, ownVariables(env, ledger, dagsterHome)), DAGSTER_HOME: dagsterHome };
  return { python, locationArgs, importsAhead, stepsPerProcess, env: variables, startMs: START_MS };
}
