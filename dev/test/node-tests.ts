// A stage of node:test files. Stricter than the runner: no file, a file without a test, a skipped
// test, and a file whose process does not end are failures.
import { globSync } from "node:fs";
import { relative, resolve } from "node:path";
import { run } from "node:test";
import { spec } from "node:test/reporters";
import type { Check, Print } from "./command.ts";
import { endsOfFiles, withBatches } from "./shared-processes.ts";
import type { Verdict } from "./summary.ts";

export interface NodeTests {
  /** Globs, relative to the checkout. */
  readonly files: readonly string[];
  /** Test files at a time. */
  readonly concurrency: number;
  /** For one test. */
  readonly timeoutMs: number;
  /**
   * So many files share a process, which only those can that leave it as they found it. Each has
   * its own when left out.
   */
  readonly filesPerProcess?: number;
  /** Variables for the tests, beside those that are there. */
  readonly env?: Readonly<Record<string, string>>;
}

/**
 * What the runner says of a test that has passed or failed. A file that ends without tests, or
 * badly, is one named by its path.
 */
export interface TestEnd {
  readonly file?: string | undefined;
  readonly name: string;
  readonly skip?: string | boolean | undefined;
  readonly todo?: string | boolean | undefined;
  readonly details: { readonly type?: string | undefined; readonly error?: Error & { readonly failureType?: string } };
}

/**
 * Where the processes of test files find what earlier ones have compiled: most of what a small file
 * costs.
 */
const COMPILED = ".taskiq/compiled";

export function nodeTests(options: NodeTests): Check {
  return async (signal, print) => {
    const files = options.files.flatMap((pattern) => globSync(pattern)).map((file) => resolve(file));
    if (files.length === 0) return judge([], []);
    const { filesPerProcess } = options;
    if (filesPerProcess === undefined) return judge(files, await execute(files, options, signal, print));
    return await withBatches(files, filesPerProcess, async (batches) => {
      const entries = batches.map(({ entry }) => entry);
      return judge(files, endsOfFiles(batches, await execute(entries, options, signal, print)));
    });
  };
}

/** What counts as passed. */
export function judge(files: readonly string[], ends: readonly TestEnd[]): Verdict {
  const tests = ends.filter((end) => !isFile(end) && end.details.type !== "suite");
  const failed = ends.filter((end) => end.details.error !== undefined && !isUnended(end)).length;
  const skipped = tests.filter(({ skip, todo }) => skip !== undefined || todo !== undefined).length;
  const unended = ends.filter(isUnended).map(({ name }) => relative("", name));
  const empty = ends
    .filter((end) => isFile(end) && end.details.error === undefined)
    .map(({ name }) => relative("", name));
  const faults = [
    ...(files.length === 0 ? ["no test files"] : []),
    ...(failed > 0 ? [`${failed} failed`] : []),
    ...(skipped > 0 ? [`${skipped} skipped`] : []),
    ...(empty.length > 0 ? [`no test in ${empty.join(", ")}`] : []),
    ...(unended.length > 0 ? [`did not end: ${unended.join(", ")}`] : []),
  ];
  return { passed: faults.length === 0, tests: tests.length, detail: faults.join(", ") };
}

function isFile({ file, name }: TestEnd): boolean {
  return name === file;
}

function isUnended(end: TestEnd): boolean {
  return isFile(end) && end.details.error?.failureType === "testAborted";
}

async function execute(
  files: readonly string[],
  options: NodeTests,
  signal: AbortSignal,
  print: Print,
): Promise<TestEnd[]> {
  const { concurrency, timeoutMs: timeout } = options;
  const silence = new AbortController();
  // No test may take longer than its timeout, so after more silence than that only a process is
  // left that does not end: a forgotten timer, socket or thread. The runner itself would wait for
  // it forever.
  const alarm = setTimeout(() => silence.abort(), timeout + 15_000);
  const env = { ...process.env, NODE_COMPILE_CACHE: resolve(COMPILED), ...options.env };
  const events = run({
    files: [...files],
    concurrency,
    timeout,
    env,
    signal: AbortSignal.any([signal, silence.signal]),
  });
  const ends: TestEnd[] = [];
  events.on("data", () => alarm.refresh());
  events.on("test:pass", (end) => ends.push(end));
  events.on("test:fail", (end) => ends.push(end));
  for await (const text of events.compose(spec)) print(text);
  clearTimeout(alarm);
  return ends;
}
