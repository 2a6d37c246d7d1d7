// Waits for a stream to let go of what was written to it.
import type { Writable } from "node:stream";

/** Resolves when what was written before has been handed to the system, or the stream is broken. */
export function flush(stream: Writable): Promise<void> {
  return new Promise((resolve) => {
    if (stream.destroyed || stream.writableEnded) return resolve();
    stream.write("", () => resolve());
  });
}
