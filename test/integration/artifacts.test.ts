// What a release consists of. It is complete, and the same for every builder and folder.
import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import { fileURLToPath } from "node:url";
import { build } from "../../build.mjs";
import { buildArtifacts } from "../../dev/build/artifacts.ts";

const root = fileURLToPath(new URL("../../", import.meta.url));
const { version } = JSON.parse(readFileSync(join(root, "package.json"), "utf8"));
const folders: string[] = [];

async function buildEverything(): Promise<string> {
  const folder = mkdtempSync(join(tmpdir(), "taskiq-artifacts-"));
  folders.push(folder);
  await build(folder);
  buildArtifacts(root, folder);
  return folder;
}

describe("a build", () => {
  let folder: string;
  before(async () => {
    folder = await buildEverything();
  });
  after(() => {
    for (const each of folders) rmSync(each, { recursive: true });
  });

  test("a build is complete", () => {
    assert.deepEqual(readdirSync(folder).sort(), [
      "LICENSES.txt",
      "SHA256SUMS",
      `dagster-taskiq-worker-${version}.tgz`,
      `dagster_taskiq-${version}-py3-none-any.whl`,
      `dagster_taskiq-${version}.tar.gz`,
      "meta.json",
      "sbom.cdx.json",
      "taskiq",
      "taskiq.mjs",
      "taskiq.mjs.map",
    ]);
  });

  test("a build has checksums that hold", () => {
    execFileSync("sha256sum", ["--check", "--strict", "SHA256SUMS"], { cwd: folder, stdio: "pipe" });
  });

  test("a build is byte for byte the same again, in another folder", async () => {
    const sums = (where: string) => readFileSync(join(where, "SHA256SUMS"), "utf8");
    assert.equal(sums(await buildEverything()), sums(folder));
  });

  test("a build's executable needs no Node, and ignores options for its own", () => {
    const env = { NODE_OPTIONS: "--require /nowhere", PATH: "/nowhere" };
    assert.equal(execFileSync(join(folder, "taskiq"), ["--version"], { env, encoding: "utf8" }), `taskiq ${version}\n`);
  });

  test("a build names every package in the bundle, with its licence, in the bill of materials and in the licences", () => {
    const { inputs } = JSON.parse(readFileSync(join(folder, "meta.json"), "utf8"));
    const names = Object.keys(inputs).flatMap((path) => /node_modules\/((?:@[^/]+\/)?[^/]+)\//.exec(path)?.[1] ?? []);
    const inside = [...new Set(names)].sort();
    assert.ok(inside.includes("valibot") && inside.includes("@aws-sdk/client-sqs"));
    const { components, metadata } = JSON.parse(readFileSync(join(folder, "sbom.cdx.json"), "utf8"));
    assert.equal(metadata.component.purl, `pkg:npm/%40dagster-taskiq/worker@${version}`);
    const listed = components.map(({ name }: { name: string }) => name);
    assert.deepEqual(listed, [...inside, "node"]);
    for (const { licenses, name, hashes } of components.slice(0, -1)) {
      assert.ok(licenses[0].expression, name);
      assert.match(hashes[0].content, /^[0-9a-f]{128}$/, name);
    }
    const licenses = readFileSync(join(folder, "LICENSES.txt"), "utf8");
    for (const name of inside) assert.ok(licenses.includes(`\n${name} `), name);
  });
});
