// The files by which an operator reaches this machine's workers. Other users cannot read them, and
// files of other users are not believed.
import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import {
  chmodSync,
  chownSync,
  copyFileSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, type TestContext, test } from "node:test";
import {
  newToken,
  readControlFiles,
  removeControlFile,
  sweepControlFiles,
  writeControlFile,
} from "../../../../cli/worker/control-files.ts";
import { Fault } from "../../../../core/faults.ts";

const uid = process.getuid?.() ?? 0;

function place(t: TestContext) {
  const parent = mkdtempSync(join(tmpdir(), "taskiq-control-"));
  t.after(() => rmSync(parent, { recursive: true, force: true }));
  return { parent, directory: join(parent, "state"), uid, hostname: "here" };
}

const content = { pid: 7, worker: "w-1", port: 4_000, token: newToken() };

/** Returns a port on which a server listens until the test ends. */
async function listening(t: TestContext): Promise<number> {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  t.after(() => server.close());
  return (server.address() as { port: number }).port;
}

const isFault = (says: RegExp) => (error: unknown) => error instanceof Fault && says.test(error.message);

test("a control file and its directory are its user's alone, and it is found again", async (t) => {
  const there = place(t);
  const path = await writeControlFile(there, content);
  assert.equal(statSync(path).mode & 0o777, 0o600);
  assert.equal(statSync(there.directory).mode & 0o777, 0o700);
  assert.deepEqual(await readControlFiles(there), [{ version: 1, host: "here", ...content, path }]);
  await removeControlFile(path);
  assert.deepEqual([await readControlFiles(there), readdirSync(there.directory)], [[], []]);
});

test("each worker has a control file with a token of its own", async (t) => {
  const there = place(t);
  await writeControlFile(there, content);
  await writeControlFile(there, { ...content, worker: "w-2", token: newToken() });
  const found = await readControlFiles(there);
  assert.deepEqual(found.map(({ worker }) => worker).sort(), ["w-1", "w-2"]);
  assert.equal(new Set(found.map(({ token }) => token)).size, 2);
  assert.ok(found.every(({ token }) => token.length === 64));
});

test("no control file is found in a directory without one", async (t) => {
  assert.deepEqual(await readControlFiles(place(t)), []);
});

describe("a directory is refused, to write and to read,", () => {
  const rows: readonly [string, (parent: string, directory: string) => void, RegExp][] = [
    ["that others may enter", (_, directory) => mkdirSync(directory, { mode: 0o755 }), /is open to other users/],
    [
      "that others may write to",
      (_, directory) => {
        mkdirSync(directory);
        chmodSync(directory, 0o702);
      },
      /is open to other users/,
    ],
    [
      "that is a link",
      (parent, directory) => {
        mkdirSync(join(parent, "elsewhere"), { mode: 0o700 });
        symlinkSync(join(parent, "elsewhere"), directory);
      },
      /is not a directory, or is a link to one/,
    ],
  ];
  for (const [what, make, says] of rows) {
    test(`a state directory ${what} is refused for writing and reading`, async (t) => {
      const there = place(t);
      make(there.parent, there.directory);
      await assert.rejects(writeControlFile(there, content), isFault(says));
      await assert.rejects(readControlFiles(there), isFault(says));
    });
  }

  test("a state directory that is another user's is refused for writing and reading", async (t) => {
    const there = place(t);
    mkdirSync(there.directory, { mode: 0o700 });
    const stranger = { ...there, uid: uid + 1 };
    await assert.rejects(writeControlFile(stranger, content), isFault(/belongs to another user/));
    await assert.rejects(readControlFiles(stranger), isFault(/belongs to another user/));
  });

  test("a state directory that is a file, or below one, is refused for writing", async (t) => {
    const there = place(t);
    writeFileSync(there.directory, "");
    await assert.rejects(writeControlFile(there, content), isFault(/cannot make .*state/));
  });
});

test("no control file is written or believed where the platform does not name the user", async (t) => {
  const there = { ...place(t), uid: null };
  await assert.rejects(writeControlFile(there, content), isFault(/does not say which user this is/));
  assert.ok(!existsSync(there.directory));
  mkdirSync(there.directory, { mode: 0o700 });
  await assert.rejects(readControlFiles(there), isFault(/does not say which user this is/));
});

test("control files that are links, FIFOs, broken, or another user's or machine's are not believed", async (t) => {
  const there = place(t);
  const path = await writeControlFile(there, content);
  await writeControlFile({ ...there, hostname: "elsewhere" }, { ...content, worker: "another container's" });
  symlinkSync(path, join(there.directory, "control-link.json"));
  writeFileSync(join(there.directory, "control-half.json"), '{"version":1,"host":"here"');
  writeFileSync(join(there.directory, "control-other.json"), '{"version":2,"host":"here"}');
  execFileSync("mkfifo", ["-m", "600", join(there.directory, "control-fifo.json")]);
  copyFileSync(path, join(there.directory, "control-open.json"));
  chmodSync(join(there.directory, "control-open.json"), 0o644);
  const strangers = join(there.directory, "control-strangers.json");
  copyFileSync(path, strangers);
  // Only root can give files away.
  if (uid === 0) chownSync(strangers, uid + 1, 0);
  else rmSync(strangers);
  assert.deepEqual(
    (await readControlFiles(there)).map((file) => file.path),
    [path],
  );
});

test("the control file of a killed worker is removed, and that of a live one stays", async (t) => {
  const there = place(t);
  const live = await writeControlFile(there, { ...content, port: await listening(t) });
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const { port } = server.address() as { port: number };
  await new Promise((resolve) => server.close(resolve));
  const dead = await writeControlFile(there, { ...content, port });
  const away = await writeControlFile({ ...there, hostname: "elsewhere" }, { ...content, port });
  await sweepControlFiles(there);
  assert.deepEqual(
    [live, dead, away].map((path) => existsSync(path)),
    [true, false, true],
  );
});
