// A stage of pytest. As with node:test, a skipped test is a failure; pytest itself fails when it
// finds no test.
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type Check, execute } from "./command.ts";
import type { Verdict } from "./summary.ts";

/** Runs pytest; `paths` may hold other arguments of pytest, too. */
export function pytest(paths: readonly string[], python = ".venv/bin/python"): Check {
  return async (signal, print) => {
    const folder = mkdtempSync(join(tmpdir(), "taskiq-pytest-"));
    const report = join(folder, "report.xml");
    const settings = ["-c", "python/pyproject.toml", "--rootdir", "python", `--junitxml=${report}`];
    try {
      const ended = await execute([python, "-m", "pytest", ...settings, ...paths], signal, print);
      return ended === "exit code 0"
        ? judge(readFileSync(report, "utf8"))
        : { passed: false, tests: null, detail: ended };
    } finally {
      rmSync(folder, { recursive: true });
    }
  };
}

/** The verdict of a run that pytest calls passed, from its JUnit report. */
export function judge(xml: string): Verdict {
  const skipped = count(xml, "skipped");
  return { passed: skipped === 0, tests: count(xml, "tests"), detail: skipped === 0 ? "" : `${skipped} skipped` };
}

function count(xml: string, attribute: string): number {
  const [, digits] = new RegExp(`<testsuite [^>]*\\b${attribute}="(\\d+)"`).exec(xml) ?? [];
  if (digits === undefined)
    throw new Error(`expected pytest's report to count ${attribute}, got: ${xml.slice(0, 200)}`);
  return Number(digits);
}
