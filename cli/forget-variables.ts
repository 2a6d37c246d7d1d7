// Takes secrets out of what the kernel shows of this process's environment: any process of the same
// user can read /proc/<pid>/environ.
import { closeSync, openSync, readFileSync, readSync, writeSync } from "node:fs";

/**
 * Where a process's environment begins and ends in its memory: fields 50 and 51 of
 * /proc/<pid>/stat, of which the first two are cut off here.
 */
const ENV_START = 47;
const ENV_END = 48;

/**
 * Overwrites the values of these variables with blanks, in the memory that the kernel shows;
 * `process.env` has blanks from then on, too. Returns false where that is not possible (only Linux
 * has these files, and Deno does not let a program write to its memory). The values stay elsewhere
 * on the heap, which only a debugger can read.
 */
export function forgetVariables(names: readonly string[]): boolean {
  if (names.length === 0) return true;
  try {
    const stat = readFileSync("/proc/self/stat", "latin1");
    const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
    const [from, to] = [Number(fields[ENV_START]), Number(fields[ENV_END])];
    const memory = openSync("/proc/self/mem", "r+");
    try {
      const environment = Buffer.alloc(to - from);
      readSync(memory, environment, 0, environment.length, from);
      for (const name of names)
        blank(environment, name, (at, length) => writeSync(memory, blanks(length), 0, length, from + at));
      return true;
    } finally {
      closeSync(memory);
    }
  } catch {
    return false;
  }
}

function blank(environment: Buffer, name: string, write: (at: number, length: number) => void): void {
  const entry = `${name}=`;
  for (let at = 0; at < environment.length; at = environment.indexOf(0, at) + 1) {
    const end = environment.indexOf(0, at);
    if (end < 0) return;
    if (environment.toString("latin1", at, at + entry.length) === entry)
      write(at + entry.length, end - at - entry.length);
  }
}

function blanks(length: number): Buffer {
  return Buffer.alloc(length, " ");
}
