// What the bootstrap decides: is it installed, will this Python do, how pip's settings read to uv,
// who goes first.
import assert from "node:assert/strict";
import { mkdtempSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { exclusively } from "../../../dev/bootstrap/exclusive.mjs";
import { isSuitable } from "../../../dev/bootstrap/find-python.mjs";
import { isInstalled } from "../../../dev/bootstrap/node-packages.mjs";
import { uvEnvironment } from "../../../dev/bootstrap/pip-settings.mjs";

const locked = {
  "": {},
  "node_modules/a": { version: "1.0.0", integrity: "sha512-a" },
  "node_modules/b-win32": { version: "2.0.0", integrity: "sha512-b", optional: true },
};
const installs = [
  { what: "all of it", installed: locked, expected: true },
  { what: "all but another platform's", installed: { "node_modules/a": locked["node_modules/a"] }, expected: true },
  { what: "nothing", installed: {}, expected: false },
  { what: "another version", installed: { "node_modules/a": { version: "1.0.1" } }, expected: false },
  {
    what: "another content",
    installed: { "node_modules/a": { version: "1.0.0", integrity: "sha512-x" } },
    expected: false,
  },
  {
    what: "another version of an optional one",
    installed: { ...locked, "node_modules/b-win32": { version: "1.9.0", integrity: "sha512-b" } },
    expected: false,
  },
];

test("an installation without the optional npm packages is not stale", () => {
  const optional = { "": {}, "node_modules/b-win32": locked["node_modules/b-win32"] };
  assert.equal(isInstalled(optional, {}), false);
});

for (const { what, installed, expected } of installs) {
  test(`npm packages count as ${expected ? "installed" : "stale"} with ${what} there`, () =>
    assert.equal(isInstalled(locked, installed), expected));
}

for (const [version, expected] of Object.entries({
  "2.7.18": false,
  "3.9.18": false,
  "3.10.0": true,
  "3.14.1": true,
  "3.15.0": false,
})) {
  test(`Python ${version} ${expected ? "will do" : "will not do"}`, () => assert.equal(isSuitable(version), expected));
}

test("pip's settings become uv's, the environment's before the files'", () => {
  const config = [
    "global.index-url='https://files.example/simple'",
    ":env:.index-url='https://env.example/simple'",
    "global.extra-index-url='https://one.example/simple\\nhttps://two.example/simple'",
    "install.trusted-host='env.example'",
    ":env:.cert='/etc/ca.pem'",
    ":env:.disable-pip-version-check='1'",
  ].join("\n");
  assert.deepEqual(uvEnvironment(config), {
    UV_SYSTEM_CERTS: "1",
    UV_DEFAULT_INDEX: "https://env.example/simple",
    UV_INDEX: "https://one.example/simple https://two.example/simple",
    UV_INDEX_STRATEGY: "unsafe-best-match",
    UV_INSECURE_HOST: "env.example",
    SSL_CERT_FILE: "/etc/ca.pem",
  });
});

test("uv is given those of pip's link directories that exist", () => {
  const config = "global.find-links='/there /gone https://wheels.example/'";
  const { UV_FIND_LINKS } = uvEnvironment(config, (path) => path === "/there");
  assert.equal(UV_FIND_LINKS, "/there,https://wheels.example/");
  assert.equal(uvEnvironment("global.find-links='/gone'", () => false)["UV_FIND_LINKS"], undefined);
});

function lockIn(t: { after(undo: () => void): void }): string {
  const directory = mkdtempSync(join(tmpdir(), "taskiq-lock-"));
  t.after(() => rmSync(directory, { recursive: true }));
  return join(directory, "lock");
}

test("only one bootstrap works at a time, and leaves no lock", async (t) => {
  const lock = lockIn(t);
  let working = 0;
  let mostWorking = 0;
  const work = async () => {
    working += 1;
    mostWorking = Math.max(mostWorking, working);
    await new Promise((resolve) => setImmediate(resolve));
    working -= 1;
  };
  await Promise.all([exclusively(lock, work), exclusively(lock, work), exclusively(lock, work)]);
  assert.equal(mostWorking, 1);
  assert.deepEqual(readdirSync(join(lock, "..")), []);
});

test("a lock whose process is gone is taken over", async (t) => {
  const lock = lockIn(t);
  // Above any pid that Linux or macOS gives out.
  writeFileSync(lock, "2000000000");
  let worked = false;
  await exclusively(lock, async () => {
    worked = true;
  });
  assert.equal(worked, true);
});

test("the bootstrap's lock is released when the work fails", async (t) => {
  const lock = lockIn(t);
  await assert.rejects(
    exclusively(lock, () => Promise.reject(new Error("no network"))),
    { message: "no network" },
  );
  assert.deepEqual(readdirSync(join(lock, "..")), []);
});
