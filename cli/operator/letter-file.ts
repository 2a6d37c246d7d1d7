// Reads the file of `--file`, which `taskiq inspect-dlq --export` wrote.
import { readFile } from "node:fs/promises";
import { type ReadExport, readExport } from "../../core/dead-letters/replay/read-export.ts";
import { Fault } from "../../core/faults.ts";

/**
 * Rejects with a `Fault` for a file that cannot be read, is not an export, or names no dead letter.
 */
export async function readLetterFile(path: string): Promise<ReadExport> {
  const text = await readFile(path, "utf8").catch((cause: unknown) => {
    throw new Fault("TQ_CONFIG", `--file: cannot read ${path}`, { cause });
  });
  const read = readExport(text);
  if ("problem" in read) throw new Fault("TQ_CONFIG", `--file: ${path} cannot be used: ${read.problem}`);
  if (read.bodies.size === 0) throw new Fault("TQ_CONFIG", `--file: ${path} holds no dead letter`);
  return read;
}
