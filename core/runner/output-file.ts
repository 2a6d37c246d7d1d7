// Opens the file that a step says its output goes to. User code can name any path, and swap what is
// there at any moment.
import { constants } from "node:fs";
import { type FileHandle, open, realpath, stat } from "node:fs/promises";
import { sep } from "node:path";

/**
 * A FIFO would block an open without O_NONBLOCK, on one of the four threads that all file calls of
 * Node share.
 */
const FLAGS = constants.O_RDONLY | constants.O_NONBLOCK | constants.O_NOFOLLOW;

/**
 * Opens `path` if it is a regular file below `folder`, and throws otherwise. `null`, from a step
 * host of an older release, means any folder. What is opened is checked after it was opened, so
 * that swapping it in between gains nothing.
 */
export async function openOutputFile(path: string, folder: string | null): Promise<FileHandle> {
  const file = await open(path, FLAGS);
  try {
    const opened = await file.stat();
    if (!opened.isFile()) throw new Error("it is not a regular file");
    if (folder !== null) {
      const real = await realpath(path);
      const there = await stat(real);
      const same = there.dev === opened.dev && there.ino === opened.ino;
      if (!same || !real.startsWith(`${await realpath(folder)}${sep}`)) throw new Error(`it is not below ${folder}`);
    }
    return file;
  } catch (error) {
    await file.close();
    throw error;
  }
}
