// The npm package as its users meet it: packed, installed without network, started. npm itself must
// not publish it by accident.
import assert from "node:assert/strict";
import { execFileSync, spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { text } from "node:stream/consumers";
import { after, before, describe, test } from "node:test";
import { transform } from "esbuild";
import { build } from "../../build.mjs";
import { OLDEST_NODE } from "../../cli/node-version.ts";
import { buildDocuments } from "../../dev/build/artifacts.ts";
import { buildNpmPackage, NPM_NAME } from "../../dev/build/npm-package.ts";

const root = new URL("../../", import.meta.url).pathname;
const manifest = JSON.parse(readFileSync(join(root, "package.json"), "utf8"));

describe("the npm package", () => {
  let folder: string;
  let archive: string;
  let installed: string;
  let env: Readonly<Record<string, string>>;
  before(async () => {
    folder = mkdtempSync(join(tmpdir(), "taskiq-npm-test-"));
    await build(folder);
    buildDocuments(root, folder);
    archive = join(folder, buildNpmPackage(root, folder));
    const prefix = join(folder, "project");
    mkdirSync(prefix);
    // Nothing of the developer's npm: an empty cache and no registry, so that whatever it needs
    // beyond the archive would be missed.
    env = {
      PATH: process.env["PATH"] ?? "",
      HOME: folder,
      npm_config_cache: join(folder, "cache"),
      npm_config_registry: "http://127.0.0.1:9/",
    };
    const args = ["install", "--offline", "--prefix", prefix, "--no-audit", "--no-fund", archive];
    execFileSync("npm", args, { env, cwd: folder, stdio: ["ignore", "ignore", "pipe"] });
    installed = join(prefix, "node_modules", NPM_NAME);
  });
  after(() => rmSync(folder, { recursive: true }));

  const command = () => join(folder, "project/node_modules/.bin/taskiq");

  test("the npm package holds what its users need, and nothing else", () => {
    const listed = execFileSync("tar", ["--list", "--gzip", "--file", archive], { encoding: "utf8" });
    assert.deepEqual(
      listed.trim().split("\n").sort(),
      ["CHANGELOG.md", "LICENSE", "LICENSES.txt", "README.md", "package.json", "taskiq.cjs", "taskiq.mjs"].map(
        (name) => `package/${name}`,
      ),
    );
    const args = ["--extract", "--to-stdout", "--gzip", "--file", archive, "package/package.json"];
    const packed = JSON.parse(execFileSync("tar", args, { encoding: "utf8" }));
    const unwanted = ["dependencies", "optionalDependencies", "scripts", "private", "allowScripts"];
    assert.deepEqual(
      unwanted.filter((field) => field in packed),
      [],
    );
  });

  test("the npm package installs without network a taskiq that starts", () => {
    const { stdout, stderr, status } = spawnSync(process.execPath, [command(), "--version"], { env, encoding: "utf8" });
    assert.deepEqual({ stdout, stderr, status }, { stdout: `taskiq ${manifest.version}\n`, stderr: "", status: 0 });
    const refused = spawnSync(process.execPath, [command(), "run"], { env, encoding: "utf8" });
    assert.equal(refused.status, 2, "exit codes and streams are the worker's own");
    assert.match(refused.stderr, /^taskiq run: cannot start/);
  });

  /**
   * Starts `program` as it would find itself on another Node, where most of the worker's modules
   * cannot be evaluated.
   */
  function runOn(node: string, program: string) {
    const disguise = join(folder, "disguise.cjs");
    const older = node.startsWith(OLDEST_NODE) ? "" : "globalThis.RegExp = () => { throw new Error('evaluated') };";
    writeFileSync(disguise, `Object.defineProperty(process.versions, "node", { value: "${node}" });${older}`);
    const args = ["--require", disguise, program, "--version"];
    const { status, stdout, stderr } = spawnSync(process.execPath, args, { env, encoding: "utf8" });
    return { status, stdout, stderr };
  }

  test("the npm package refuses an old Node in one line, as the bundle does", () => {
    for (const node of ["16.20.2", "22.18.0"]) {
      const needs = `taskiq needs Node ${OLDEST_NODE} or newer`;
      const stderr = `${needs}, and this is Node ${node} (${process.execPath})\n`;
      assert.deepEqual(runOn(node, command()), { status: 2, stdout: "", stderr });
      const bundle = runOn(node, join(folder, "taskiq.mjs"));
      assert.deepEqual([bundle.status, bundle.stdout], [2, ""]);
      assert.match(bundle.stderr, new RegExp(`^${needs} \\(or Deno\\), and this is Node ${node}\\. .*\n$`));
    }
    assert.equal(runOn(`${OLDEST_NODE}.0`, command()).status, 0);
  });

  test("the npm package has a command that Node 12 can parse", async () => {
    const source = readFileSync(join(installed, "taskiq.cjs"), "utf8");
    // What the target lacks, esbuild rewrites: the same text for both means that there was nothing
    // to rewrite.
    const [old, present] = await Promise.all(
      ["node12.20", "esnext"].map((target) => transform(source, { format: "cjs", platform: "node", target })),
    );
    assert.equal(old?.code, present?.code);
  });

  test("the npm package is published only by a CI that attests where it was built", async (t) => {
    const asked: string[] = [];
    const registry = createServer(({ method, url }, response) => {
      asked.push(`${method} ${url}`);
      response.writeHead(method === "GET" ? 404 : 201, { "content-type": "application/json" }).end("{}");
    }).listen(0, "127.0.0.1");
    t.after(() => registry.close());
    await once(registry, "listening");
    const { port } = registry.address() as AddressInfo;
    const npmrc = join(folder, "publishing");
    writeFileSync(npmrc, `registry=http://127.0.0.1:${port}/\n//127.0.0.1:${port}/:_authToken=known\n`);
    const publish = async (what: string, flags: readonly string[] = []) => {
      const { npm_config_registry: _, ...rest } = env;
      const options = { env: { ...rest, npm_config_userconfig: npmrc }, cwd: folder };
      const npm = spawn("npm", ["publish", what, ...flags], { ...options, stdio: ["ignore", "ignore", "pipe"] });
      const [stderr] = await Promise.all([text(npm.stderr), once(npm, "close")]);
      return { code: npm.exitCode, stderr };
    };
    const refused = await publish(archive);
    assert.notEqual(refused.code, 0);
    assert.match(refused.stderr, /provenance/i);
    const checkout = await publish(root);
    assert.notEqual(checkout.code, 0);
    assert.match(checkout.stderr, /private|This is the checkout/);
    assert.deepEqual(
      asked.filter((request) => request.startsWith("PUT")),
      [],
    );
    // The same with provenance turned off on purpose does reach the registry: what is above was
    // refused for no other reason.
    assert.equal((await publish(archive, ["--no-provenance"])).code, 0);
    assert.ok(asked.some((request) => request.startsWith("PUT")));
  });
});
