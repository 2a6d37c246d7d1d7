// Variables that look like ours but are not: most likely a typo whose option now silently has its
// default.
import type { OptionTable } from "./option.ts";
import type { Env } from "./resolve.ts";
import { isOfService } from "./service-links.ts";
import { didYouMean } from "./suggest.ts";

export function variablesOf(table: OptionTable): readonly string[] {
  return Object.values(table).flatMap((option) => option.env);
}

/**
 * One warning for each `TASKIQ_…` variable that no command knows and no Service explains. Values
 * are not shown.
 */
export function unknownVariables(env: Env, known: readonly string[]): readonly string[] {
  const names = Object.keys(env).filter((name) => name.startsWith("TASKIQ_") && !known.includes(name));
  const unexplained = names.filter((name) => !isOfService(name, env[name] ?? ""));
  return unexplained.sort().map((name) => `unknown environment variable ${name}${didYouMean(name, known)}`);
}
