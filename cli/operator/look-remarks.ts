// What an operator is told of a look through the dead letters, besides the letters.
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
