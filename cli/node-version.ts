// The oldest Node that taskiq runs on. An older one lacks modules (`node:sqlite`), and would fail
// in the middle of a command.

/** `engines` in package.json. */
export const OLDEST_NODE = "22.19";

/**
 * What the parts of `process.versions` say against this runtime. Null when it will do, as Deno
 * does.
 */
export function unfitRuntime({ node, deno }: Readonly<Record<string, string | undefined>>): string | null {
  if (deno !== undefined || node === undefined) return null;
  const [major = 0, minor = 0] = node.split(".").map(Number);
  const [oldestMajor = 0, oldestMinor = 0] = OLDEST_NODE.split(".").map(Number);
  if (major > oldestMajor || (major === oldestMajor && minor >= oldestMinor)) return null;
  return `taskiq needs Node ${OLDEST_NODE} or newer (or Deno), and this is Node ${node}. Name a newer one: /path/to/node taskiq.mjs …`;
}
