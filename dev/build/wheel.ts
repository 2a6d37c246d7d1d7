// The Python package's wheel.
import { execFileSync } from "node:child_process";
import { readdirSync } from "node:fs";
import { join } from "node:path";

/** Answers its file name. hatchling stamps every file with the same instant, 2020-02-02, so the wheel depends on nothing but the sources. */
export function buildWheel(root: string, outdir: string): string {
  const { SOURCE_DATE_EPOCH: _, ...env } = process.env;
  const python = join(root, ".venv/bin/python");
  const args = ["-m", "hatchling", "build", "--target", "wheel", "--directory", outdir];
  execFileSync(python, args, { cwd: join(root, "python"), env, stdio: ["ignore", "ignore", "pipe"] });
  const wheels = readdirSync(outdir).filter((name) => name.endsWith(".whl"));
  const [wheel] = wheels;
  if (wheel === undefined || wheels.length > 1)
    throw new Error(`expected one wheel in ${outdir}, got ${wheels.length}`);
  return wheel;
}
