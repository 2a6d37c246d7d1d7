// A file system of a few megabytes that a test can fill to the last byte.
import { execFileSync } from "node:child_process";
import { closeSync, mkdirSync, openSync, rmSync, writeSync } from "node:fs";
import { join } from "node:path";

export interface SmallDisk {
  readonly path: string;
  /** Until no byte more can be written. */
  fill(): void;
  free(): void;
  /** Lets go of it, even if a file on it is still open. */
  unmount(): void;
}

/** Mounts it on a new directory. Returns `null` where this user may not mount anything. */
export function mountSmallDisk(path: string, megabytes: number): SmallDisk | null {
  mkdirSync(path);
  try {
    execFileSync("mount", ["-t", "tmpfs", "-o", `size=${megabytes}m`, "tmpfs", path], { stdio: "pipe" });
  } catch {
    return null;
  }
  const ballast = join(path, "ballast");
  return {
    path,
    fill: () => fill(ballast),
    free: () => rmSync(ballast),
    unmount: () => execFileSync("umount", ["--lazy", path]),
  };
}

function fill(path: string): void {
  const file = openSync(path, "a");
  try {
    for (const size of [1 << 16, 1]) writeUntilFull(file, Buffer.alloc(size));
  } finally {
    closeSync(file);
  }
}

function writeUntilFull(file: number, block: Buffer): void {
  try {
    for (;;) writeSync(file, block);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== "ENOSPC") throw error;
  }
}
