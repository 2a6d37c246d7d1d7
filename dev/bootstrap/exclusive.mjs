// One bootstrap at a time per checkout: two `npm ci` in one node_modules destroy each other's work.
import { mkdirSync, readFileSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { dirname } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { say } from "./run.mjs";

const pollMs = 200;

/**
 * Runs `work` while holding the lock file, which names the process that holds it. Waits for the
 * process that holds it now. Takes over a lock whose process is gone.
 *
 * @param {string} path
 * @param {() => Promise<void>} work
 */
export async function exclusively(path, work) {
  mkdirSync(dirname(path), { recursive: true });
  for (let waited = false; !acquire(path); waited = true) {
    if (!waited) say("Another setup of this checkout is at work; waiting for it");
    await sleep(pollMs);
  }
  try {
    await work();
  } finally {
    rmSync(path, { force: true });
  }
}

/** @param {string} path */
function acquire(path) {
  if (create(path)) return true;
  if (holderLives(path)) return false;
  return takeOver(path);
}

/** @param {string} path */
function create(path) {
  try {
    writeFileSync(path, String(process.pid), { flag: "wx" });
    return true;
  } catch (error) {
    if (codeOf(error) === "EEXIST") return false;
    throw error;
  }
}

/** @param {string} path */
function holderLives(path) {
  try {
    const holder = Number(readFileSync(path, "utf8"));
    // An empty file: its writer is between creating and writing it.
    if (holder === 0) return true;
    process.kill(holder, 0);
    return true;
  } catch (error) {
    // EPERM means that the process lives and belongs to another user. ENOENT means that it has just
    // released the lock, which the next attempt will find.
    return codeOf(error) !== "ESRCH";
  }
}

/**
 * By rename, which only one of several can win: the losers find nothing to rename.
 *
 * @param {string} path
 */
function takeOver(path) {
  const stale = `${path}.${process.pid}`;
  try {
    renameSync(path, stale);
  } catch {
    return false;
  }
  rmSync(stale, { force: true });
  return create(path);
}

/** @param {unknown} error */
function codeOf(error) {
  return error instanceof Error && "code" in error ? error.code : undefined;
}
