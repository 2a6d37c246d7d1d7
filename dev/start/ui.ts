// The Dagster UI on the demo's instance; runs launched there go through the same queue and worker.
import { join, resolve } from "node:path";
import { Program } from "./program.ts";
import { codeDirectory, codeLocation, python } from "./surroundings.ts";

export function startUi(home: string, env: Readonly<Record<string, string | undefined>>, port: number): Program {
  const code = ["-m", codeLocation, "-d", resolve(codeDirectory)];
  return new Program({
    name: "the Dagster UI",
    command: [python, "-m", "dagster_webserver", "-h", "127.0.0.1", "-p", String(port), ...code],
    env,
    log: join(home, "ui.log"),
    graceMs: 10_000,
  });
}
