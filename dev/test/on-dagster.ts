// Python tests on another version of Dagster, in an environment of its own.
import type { Check } from "./command.ts";
import { environmentOf } from "./dagster-environment.ts";
import { pytest } from "./pytest.ts";

/**
 * What a version can break that has no test of its own for it: Dagster's private names, and a step
 * host with all of its processes on PostgreSQL.
 */
const PATHS = ["python/tests/test_dagster_internals.py", "python/tests/host/base/test_settled_by_host.py"];

/** Makes the environment on first use. */
export function onDagster(version: string, paths: readonly string[] = PATHS): Check {
  return async (signal, print) => await pytest(paths, await environmentOf(version))(signal, print);
}
