// Options of which only one may be given: two ways to say the same thing.

import { isGiven, originText, type Setting } from "./resolve.ts";
import type { Findings } from "./setup.ts";

export interface Chosen<S extends Setting> extends Findings {
  /** `null` when none was given, or several of which none wins. */
  readonly chosen: S | null;
}

/**
 * One on the command line beats those in the environment, as it would if they were the same option.
 */
export function checkAlternatives<S extends Setting>(settings: readonly S[]): Chosen<S> {
  const given = settings.filter(isGiven);
  const onCommandLine = given.filter((setting) => setting.origin.from === "flag");
  const strongest = onCommandLine.length > 0 ? onCommandLine : given;
  const [chosen = null, ...rivals] = strongest;
  if (rivals.length > 0) {
    const names = strongest.map((setting) => `${setting.option.flag} (${originText(setting.origin)})`);
    return { chosen: null, problems: [`only one of these can be given: ${names.join(", ")}`], warnings: [] };
  }
  const ignored = given.filter((setting) => setting !== chosen);
  const warnings = ignored.map(
    ({ origin }) => `${"name" in origin ? origin.name : ""} is ignored: ${chosen?.option.flag} was given`,
  );
  return { chosen, problems: [], warnings };
}
