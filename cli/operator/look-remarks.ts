// What an operator reads about a look through the dead letters, besides the letters.
import type { Mismatch } from "../../core/dead-letters/choice.ts";
import type { Inspection } from "../../core/dead-letters/inspect.ts";

export function remarksOn({ looked, limited, unseen, dagsterSilent }: Inspection): readonly string[] {
  const why = "another reader hides them for now, or they are behind others of their group in a FIFO queue";
  return [
    ...(looked === 0 ? ["there are no dead letters to be seen"] : []),
    ...(limited ? ["the limit was reached: there may be more"] : []),
    ...(unseen === 0 ? [] : [`about ${unseen} more could not be seen: ${why}`]),
    ...(dagsterSilent === null ? [] : [`Dagster did not answer, so what only it knows is unknown: ${dagsterSilent}`]),
  ];
}

const LISTED = 10;

/** `idFlag` is what the command calls the option for an id. */
export function mismatchText({ condition, given, kind, there }: Mismatch, idFlag: string): string {
  const flag = condition === "id" ? idFlag : `--${condition}`;
  const shown = there.slice(0, LISTED).map(([value, letters]) => (letters === 1 ? value : `${value} (${letters})`));
  const more = there.length > LISTED ? `, and ${there.length - LISTED} more` : "";
  const list = `${shown.join(", ")}${more}`;
  if (kind === "ambiguous") return `${flag} ${given} is the beginning of several, give more of it: ${list}`;
  return `${flag} ${given}: no dead letter has it; ${shown.length === 0 ? "none has any" : `there are: ${list}`}`;
}
