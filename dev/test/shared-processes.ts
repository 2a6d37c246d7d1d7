// Test files that share a process: to start one and to load the product into it costs more than
// most small files.
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join, relative, resolve } from "node:path";
import { pathToFileURL } from "node:url";
import type { TestEnd } from "./node-tests.ts";

export interface Batch {
  /** The file that the runner is given: it imports the others. */
  readonly entry: string;
  readonly files: readonly string[];
}

/**
 * A hook outside of every suite belongs to the process: it would run for the tests of the other
 * files, too.
 */
const HOOK_OF_ALL = /^(before|after|beforeEach|afterEach)\(/m;

/** Neighbours, which are alike, go to different batches. */
export function split(files: readonly string[], perBatch: number): readonly (readonly string[])[] {
  const count = Math.ceil(files.length / perBatch);
  return Array.from({ length: count }, (_, batch) => files.filter((_, index) => index % count === batch));
}

/**
 * Writes the entries, which are there until `use` is done. Rejects when a file could not share a
 * process.
 */
export async function withBatches<T>(
  files: readonly string[],
  perBatch: number,
  use: (batches: readonly Batch[]) => Promise<T>,
): Promise<T> {
  const hooked = files.filter((file) => HOOK_OF_ALL.test(readFileSync(file, "utf8")));
  if (hooked.length > 0) throw new Error(`hooks outside of a suite, in ${names(hooked)}: put them into one`);
  mkdirSync(".taskiq", { recursive: true });
  const folder = mkdtempSync(resolve(".taskiq/batch-"));
  try {
    const batches = split(files, perBatch).map((batch, index) => ({
      entry: join(folder, `${index + 1}.mjs`),
      files: batch,
    }));
    for (const batch of batches) {
      const imports = batch.files.map((file) => `import ${JSON.stringify(pathToFileURL(file).href)};\n`);
      writeFileSync(batch.entry, imports.join(""));
    }
    return await use(batches);
  } finally {
    rmSync(folder, { recursive: true });
  }
}

/**
 * What the runner would have said of each file in a process of its own, from what it said of the
 * batches.
 */
export function endsOfFiles(batches: readonly Batch[], ends: readonly TestEnd[]): readonly TestEnd[] {
  const known = ends.flatMap((end) => {
    const batch = batches.find(({ entry }) => entry === end.name);
    // The end does not say which of them failed.
    return batch === undefined || end.details.error === undefined
      ? [end]
      : batch.files.map((file) => ({ ...end, file, name: file }));
  });
  const withTests = new Set(known.map(({ file }) => file));
  const without = batches.flatMap(({ files }) => files).filter((file) => !withTests.has(file));
  return [
    ...known.filter(({ name }) => !batches.some(({ entry }) => entry === name)),
    ...without.map((file) => ({ file, name: file, details: {} })),
  ];
}

function names(files: readonly string[]): string {
  return files.map((file) => relative("", file)).join(", ");
}
