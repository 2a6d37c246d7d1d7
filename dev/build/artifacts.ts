// Everything that a release consists of, beside the bundle: the executable, the packages for npm
// and PyPI, licences, bill of materials, checksums.
import { createHash } from "node:crypto";
import { readdirSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { bundledPackages } from "./bundled-packages.ts";
import { buildExecutable } from "./executable.ts";
import { licensesText } from "./licenses.ts";
import { buildNpmPackage, NPM_NAME } from "./npm-package.ts";
import { buildPythonPackage } from "./python-package.ts";
import { sbom } from "./sbom.ts";

export interface Artifact {
  readonly name: string;
  readonly bytes: number;
}

/** Completes `outdir`, where the bundle and its meta.json are. */
export function buildArtifacts(root: string, outdir: string): readonly Artifact[] {
  for (const old of readdirSync(outdir).filter((name) => /\.(?:whl|tgz|tar\.gz)$/.test(name)))
    rmSync(join(outdir, old));
  const names = [...buildProgram(root, outdir), buildNpmPackage(root, outdir), ...buildPythonPackage(root, outdir)];
  writeFileSync(join(outdir, "SHA256SUMS"), names.map((file) => `${sha256(join(outdir, file))}  ${file}\n`).join(""));
  return artifactsIn(outdir, [...names, "SHA256SUMS"]);
}

/** The part of it that needs no Python: what the image takes. */
export function buildExecutableOnly(root: string, outdir: string): readonly Artifact[] {
  return artifactsIn(outdir, buildProgram(root, outdir));
}

function buildProgram(root: string, outdir: string): readonly string[] {
  const documents = buildDocuments(root, outdir);
  buildExecutable(outdir, "taskiq.mjs", "taskiq");
  return ["taskiq.mjs", "taskiq.mjs.map", "taskiq", ...documents];
}

/** Licences and bill of materials of the bundle in `outdir`. */
export function buildDocuments(root: string, outdir: string): readonly string[] {
  const { inputs } = JSON.parse(readFileSync(join(outdir, "meta.json"), "utf8"));
  const { version, license } = JSON.parse(readFileSync(join(root, "package.json"), "utf8"));
  const packages = bundledPackages(root, Object.keys(inputs));
  const subject = { name: NPM_NAME, version, license, nodeVersion: process.versions.node };
  writeFileSync(join(outdir, "LICENSES.txt"), licensesText(packages));
  writeFileSync(join(outdir, "sbom.cdx.json"), sbom(subject, packages));
  return ["LICENSES.txt", "sbom.cdx.json"];
}

function artifactsIn(outdir: string, names: readonly string[]): readonly Artifact[] {
  return names.map((name) => ({ name, bytes: statSync(join(outdir, name)).size }));
}

function sha256(path: string): string {
  return createHash("sha256").update(readFileSync(path)).digest("hex");
}
