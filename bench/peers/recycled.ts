// Whether the taskiq that is measured can run several steps in one process.
import { attempt } from "../../dev/bootstrap/run.mjs";
import { taskiqCommand } from "../../test/support/taskiq/taskiq-command.ts";

const OPTION = "--steps-per-process";

/** The flags that turn it on; `null` for a taskiq without the option. */
export async function recycledFlags(): Promise<readonly string[] | null> {
  const [program, ...args] = taskiqCommand();
  const { output } = await attempt(program, [...args, "run", "--help", "--all"]);
  return output.includes(OPTION) ? [OPTION, "50"] : null;
}
