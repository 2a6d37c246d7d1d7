// Who an operator is, where the command line does not say so.
import type { Io } from "../command.ts";

/** Returns `ada@laptop`. In a container it is the user's number and the container's name. */
export function operatorName({ env, machine }: Pick<Io, "env" | "machine">): string {
  return `${env["USER"] || env["LOGNAME"] || `uid ${machine.uid()}`}@${machine.hostname()}`;
}
