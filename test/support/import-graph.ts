// Which file imports which: what the bundler sees, and types, which are erased before it looks.
import { readFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { build } from "esbuild";

/** Returns what each of `sources`, paths below `root`, imports. */
export async function readImports(
  root: string,
  sources: readonly string[],
): Promise<ReadonlyMap<string, readonly string[]>> {
  const { metafile } = await build({
    absWorkingDir: root,
    entryPoints: [...sources],
    outdir: "dist/boundaries",
    bundle: true,
    format: "esm",
    platform: "node",
    target: "esnext",
    packages: "external",
    metafile: true,
    write: false,
    logLevel: "error",
  });
  return new Map(
    Object.entries(metafile.inputs).map(([file, input]) => {
      return [file, [...input.imports.map(({ path }) => path), ...typesImportedBy(root, file)]];
    }),
  );
}

function typesImportedBy(root: string, file: string): readonly string[] {
  const source = readFileSync(`${root}${file}`, "utf8");
  return [...source.matchAll(/^import [^;]*? from "(\.[^"]+)";/gm)].map(([, path = ""]) => join(dirname(file), path));
}
