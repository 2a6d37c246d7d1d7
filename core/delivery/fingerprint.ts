// Fingerprints of errors. The same fault in another run, on another host or at another moment has
// the same fingerprint.
import { createHash } from "node:crypto";
import { foldMessage } from "../formats/folded.ts";
import type { ErrorInfo } from "../step/step.ts";

/**
 * Python prints the innermost frames last. Three identify the place without the whole way there.
 */
const FRAMES = 3;

/**
 * Returns twelve hex digits over the class, the folded message and the functions that the innermost
 * frames were in.
 */
export function errorFingerprint(error: ErrorInfo): string {
  const parts = [error.class, foldMessage(error.message), ...innermostFunctions(error.traceback)];
  return createHash("sha256").update(parts.join("\n")).digest("hex").slice(0, 12);
}

function innermostFunctions(traceback: string): readonly string[] {
  const named = traceback.matchAll(/^ *File "[^"\n]*", line \d+, in (.+)$/gm);
  return [...named].slice(-FRAMES).map(([, name]) => name ?? "");
}
