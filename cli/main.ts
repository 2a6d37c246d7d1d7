// The executable. On a runtime that is too old, nothing else is evaluated: most modules would not
// get far there.
import { exitCodes } from "./exit-codes.ts";
import { unfitRuntime } from "./node-version.ts";

const problem = unfitRuntime(process.versions);
if (problem === null) {
  await import("./process.ts");
} else {
  process.stderr.write(`${problem}\n`);
  process.exitCode = exitCodes.usage;
}
