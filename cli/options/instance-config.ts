// What `dagster.yaml` says, as far as taskiq must know it before it asks Dagster.
import { readFileSync } from "node:fs";
import { join } from "node:path";

/** Returns the text of `dagster.yaml` in this home. Empty if there is none. */
export function instanceConfig(home: string): string {
  try {
    return readFileSync(join(home, "dagster.yaml"), "utf8");
  } catch {
    return "";
  }
}

/**
 * Returns whether the instance may keep its data in PostgreSQL: no storage does without naming it
 * there. Only Dagster knows for certain.
 */
export function mayHavePostgres(home: string): boolean {
  return /postgres/i.test(instanceConfig(home).replaceAll(/^\s*#.*$/gm, ""));
}
