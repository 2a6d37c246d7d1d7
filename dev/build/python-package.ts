// The Python package: its wheel, and the sources that the wheel is made of.
import { execFileSync } from "node:child_process";
import { readdirSync } from "node:fs";
import { join } from "node:path";

/**
 * Returns the names of both files. hatchling stamps every file with the same instant, 2020-02-02,
 * so they depend on nothing but the sources.
 */
export function buildPythonPackage(root: string, outdir: string): readonly string[] {
  const { SOURCE_DATE_EPOCH: _, ...env } = process.env;
  const python = join(root, ".venv/bin/python");
  const args = ["-m", "hatchling", "build", "--target", "sdist", "--target", "wheel", "--directory", outdir];
  execFileSync(python, args, { cwd: join(root, "python"), env, stdio: ["ignore", "ignore", "pipe"] });
  const made = readdirSync(outdir).filter((name) => /\.(?:whl|tar\.gz)$/.test(name));
  if (made.length !== 2) throw new Error(`expected a wheel and an sdist in ${outdir}, got ${made.join(", ")}`);
  return made.sort();
}
