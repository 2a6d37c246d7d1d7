// Everything that a release consists of, beside the bundle: the executable, the wheel, licences, bill of materials, checksums.
import { createHash } from "node:crypto";
import { readdirSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { bundledPackages } from "./bundled-packages.ts";
import { buildExecutable } from "./executable.ts";
import { licensesText } from "./licenses.ts";
import { sbom } from "./sbom.ts";
import { buildWheel } from "./wheel.ts";

export interface Artifact {
  readonly name: string;
  readonly bytes: number;
}

/** Completes `outdir`, where the bundle and its meta.json are. */
export function buildArtifacts(root: string, outdir: string): readonly Artifact[] {
  for (const old of readdirSync(outdir).filter((name) => name.endsWith(".whl"))) rmSync(join(outdir, old));
  const { inputs } = JSON.parse(readFileSync(join(outdir, "meta.json"), "utf8"));
  const { name, version, license } = JSON.parse(readFileSync(join(root, "package.json"), "utf8"));
  const packages = bundledPackages(root, Object.keys(inputs));
  writeFileSync(join(outdir, "LICENSES.txt"), licensesText(packages));
  writeFileSync(
    join(outdir, "sbom.cdx.json"),
    sbom({ name, version, license, nodeVersion: process.versions.node }, packages),
  );
  buildExecutable(outdir, "taskiq.mjs", "taskiq");
  const wheel = buildWheel(root, outdir);
  const names = ["taskiq.mjs", "taskiq.mjs.map", "taskiq", wheel, "LICENSES.txt", "sbom.cdx.json"];
  writeFileSync(join(outdir, "SHA256SUMS"), names.map((file) => `${sha256(join(outdir, file))}  ${file}\n`).join(""));
  return [...names, "SHA256SUMS"].map((file) => ({ name: file, bytes: statSync(join(outdir, file)).size }));
}

function sha256(path: string): string {
  return createHash("sha256").update(readFileSync(path)).digest("hex");
}
