// buildah with a storage of its own inside the checkout, in the way that needs no container engine
// and no kernel features.
import { resolve } from "node:path";
import { attempt, failed, run } from "../bootstrap/run.mjs";

export const IMAGE_HOME = resolve(".taskiq/image");

const storage = ["--root", `${IMAGE_HOME}/storage`, "--runroot", `${IMAGE_HOME}/run`, "--storage-driver", "vfs"];

/** Says what it does, and how long it took. */
export async function buildah(progress: string, args: readonly string[]): Promise<void> {
  await run(progress, "buildah", [...storage, ...args]);
}

/**
 * The same in a network namespace with nothing in it: buildah's own `--network none` does not go
 * with a chroot.
 */
export async function buildahOffline(progress: string, args: readonly string[]): Promise<void> {
  await run(progress, "unshare", ["--net", "buildah", ...storage, ...args]);
}

/** Answers what it printed. */
export async function askBuildah(args: readonly string[]): Promise<string> {
  const all = [...storage, ...args];
  const ended = await attempt("buildah", all);
  if (ended.code !== 0) throw failed("buildah", all, ended);
  return ended.stdout.trim();
}
