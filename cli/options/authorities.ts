// Certificate authorities that a file holds.
import { readFileSync } from "node:fs";
import { Fault } from "../../core/faults.ts";

/** PEM. Throws a `Fault` that names `option` for a file that cannot be read. */
export function readAuthorities(option: string, path: string): string {
  try {
    return readFileSync(path, "utf8");
  } catch (error) {
    throw cannotRead(option, path, error);
  }
}

function cannotRead(option: string, path: string, cause: unknown): Fault {
  return new Fault("TQ_CONFIG", `${option}: cannot read ${path}`, { cause });
}
