// Finds out that code has changed, by looking: file system events are lost in containers and on
// network drives.
import { existsSync } from "node:fs";
import { readdir, stat } from "node:fs/promises";
import { join } from "node:path";
import type { Clock } from "../../core/clock.ts";

const LOOK_MS = 1_000;
/** A look at so many takes some 100 ms. */
const MOST_FILES = 5_000;

const isSource = (name: string) => /\.(?:py|ya?ml|toml)$/.test(name);
/** Hidden, generated, or installed; virtual environments of other names have a `pyvenv.cfg`. */
const isForeign = (name: string) => /^(?:\.|__pycache__$|node_modules$|site-packages$|dist$|build$|s?venv)/.test(name);

/**
 * Calls `changed` after each change of a source file below `roots`, once the files have rested for
 * a look. Ends when `stopping` aborts.
 */
export async function watchSources(
  roots: readonly string[],
  clock: Pick<Clock, "sleep">,
  stopping: AbortSignal,
  changed: () => Promise<void>,
): Promise<void> {
  let known = await look(roots);
  let latest = known;
  while (!stopping.aborted) {
    await clock.sleep(LOOK_MS, stopping);
    const seen = await look(roots);
    const rested = seen === latest;
    latest = seen;
    if (!rested || seen === known || stopping.aborted) continue;
    known = seen;
    await changed();
  }
}

/** All source files with their sizes and times, as one text. */
async function look(roots: readonly string[]): Promise<string> {
  const found: string[] = [];
  for (const root of roots) await lookInto(root, found);
  return found.join("\n");
}

async function lookInto(directory: string, found: string[]): Promise<void> {
  // Gone meanwhile, or not readable.
  const entries = await readdir(directory, { withFileTypes: true }).catch(() => []);
  for (const entry of entries) {
    if (found.length >= MOST_FILES || isForeign(entry.name)) continue;
    const path = join(directory, entry.name);
    if (entry.isDirectory() && !existsSync(join(path, "pyvenv.cfg"))) await lookInto(path, found);
    else if (isSource(entry.name)) found.push(await fingerprint(path));
  }
}

async function fingerprint(path: string): Promise<string> {
  const { mtimeMs, size } = await stat(path).catch(() => ({ mtimeMs: 0, size: 0 }));
  return `${path} ${mtimeMs} ${size}`;
}
