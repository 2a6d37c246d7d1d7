// What the image check needs of the machine.
import { existsSync } from "node:fs";
import { SetupError } from "../bootstrap/setup-error.mjs";

const tools = ["buildah", "mmdebstrap", "unshare", "chroot", "setpriv"];

/** Throws a `SetupError` that names what is missing and how to get it. */
export function requireTools(): void {
  if (process.getuid?.() !== 0) throw new SetupError("image:check builds file systems: it must run as root");
  const folders = (process.env["PATH"] ?? "").split(":");
  const missing = tools.filter((tool) => !folders.some((folder) => existsSync(`${folder}/${tool}`)));
  if (missing.length === 0) return;
  throw new SetupError(`image:check needs ${missing.join(", ")}`, "apt-get install buildah mmdebstrap util-linux");
}
