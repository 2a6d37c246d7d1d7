// Which npm packages are inside the bundle: what esbuild read, by the lock file's names and
// versions.
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";

export interface BundledPackage {
  readonly name: string;
  readonly version: string;
  /** SPDX expression, as its package.json says. */
  readonly license: string;
  /** Subresource integrity of its archive, from the lock file. */
  readonly integrity: string;
  /** The text of its licence file; null when it ships none. */
  readonly licenseText: string | null;
}

interface Locked {
  readonly packages: Readonly<Record<string, { readonly version?: string; readonly integrity?: string }>>;
}

/** `inputs` are the metafile's paths, relative to `root`. Ordered by name. */
export function bundledPackages(root: string, inputs: readonly string[]): readonly BundledPackage[] {
  const { packages }: Locked = JSON.parse(readFileSync(join(root, "package-lock.json"), "utf8"));
  const folders = new Set(inputs.flatMap((input) => packageFolder(input) ?? []));
  return [...folders].sort().map((folder) => {
    const { name, version, license } = JSON.parse(readFileSync(join(root, folder, "package.json"), "utf8"));
    const locked = packages[folder];
    if (locked?.version !== version || locked?.integrity === undefined) {
      throw new Error(`${folder}: version ${version} is not the lock file's (${locked?.version}); run npm ci`);
    }
    if (typeof license !== "string") throw new Error(`${folder}: expected a license in its package.json, got none`);
    return { name, version, license, integrity: locked.integrity, licenseText: licenseText(join(root, folder)) };
  });
}

/** `node_modules/a/node_modules/@b/c/d.js` is of `node_modules/a/node_modules/@b/c`. */
function packageFolder(input: string): string | null {
  return /^(?:.*\/)?node_modules\/(?:@[^/]+\/)?[^/]+(?=\/)/.exec(input)?.[0] ?? null;
}

function licenseText(folder: string): string | null {
  const file = readdirSync(folder).find((name) => /^(?:licen[cs]e|copying)(?:\.(?:md|txt))?$/i.test(name));
  return file === undefined ? null : readFileSync(join(folder, file), "utf8").trim();
}
