// Another user who may write to the parent of the state directory, and swaps the directory all the
// time: for its own, for links, and back again.
import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import {
  chmodSync,
  chownSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { text } from "node:stream/consumers";
import { test } from "node:test";
import {
  type ControlFile,
  newToken,
  readControlFiles,
  removeControlFile,
  writeControlFile,
} from "../../cli/worker/control-files.ts";
import { Fault } from "../../core/faults.ts";
import { PYTHON } from "../support/dagster/dagster-sidecar.ts";
import { eventually } from "../support/eventually.ts";

/** Says how often it swapped, and every token that it could read, when its stdin ends. */
const SWAPPER = `
import json, os, select, shutil, sys, time
parent, victims, token = sys.argv[1:4]
os.setgroups([]); os.setgid(65534); os.setuid(65534)
state, forged = os.path.join(parent, "state"), {"version": 1, "host": "here", "pid": 1, "worker": "forged", "port": 1, "token": token}
swaps, read = 0, []
def look(place):
    for name in os.listdir(place):
        try:
            with open(os.path.join(place, name)) as file:
                read.append(json.load(file)["token"])
        except (OSError, ValueError, KeyError):
            pass
        if name.startswith(".control-"):  # a draft: put one of its own in its place
            path = os.path.join(place, name)
            try:
                os.unlink(path)
                with open(os.open(path, os.O_WRONLY | os.O_CREAT, 0o600), "w") as file:
                    json.dump(forged, file)
            except OSError:
                pass
while not select.select([sys.stdin], [], [], 0.002)[0]:
    swaps += 1
    away = os.path.join(parent, f"away-{swaps}")
    try:
        os.rename(state, away)
        if swaps % 3 == 0:
            os.symlink(victims, state)
        else:
            os.mkdir(state, 0o700 if swaps % 3 == 1 else 0o777)
            with open(os.open(os.path.join(state, "control-forged.json"), os.O_WRONLY | os.O_CREAT, 0o600), "w") as file:
                json.dump(forged, file)
            for _ in range(3):
                look(state)
        time.sleep(0.002)
        os.unlink(state) if os.path.islink(state) else shutil.rmtree(state)
        os.rename(away, state)
    except OSError:
        pass
    if swaps == 20:
        open(os.path.join(parent, "swapping"), "w").close()
print(json.dumps({"swaps": swaps, "read": [one for one in read if one != token]}))
`;

const ROUNDS = 1_000;
/** Neither root, which believes the directory of any user, nor the other one. */
const USER = 65_533;
const isRoot = process.getuid?.() === 0;

test("another user who swaps the state directory reads no token, has none of its own believed, and has no other file written or deleted", {
  skip: isRoot ? false : "only root can become another user",
}, async (t) => {
  t.after(() => process.seteuid?.(0));
  const parent = mkdtempSync(join(tmpdir(), "taskiq-swapped-"));
  t.after(() => rmSync(parent, { recursive: true, force: true }));
  const victims = mkdtempSync(join(tmpdir(), "taskiq-victims-"));
  t.after(() => rmSync(victims, { recursive: true, force: true }));
  writeFileSync(join(victims, "control-kept.json"), "kept");
  chmodSync(parent, 0o777);
  const place = { directory: join(parent, "state"), uid: USER, hostname: "here" };
  chownSync(victims, USER, 0);
  const swapper = spawn(PYTHON, ["-c", SWAPPER, parent, victims, newToken()], { stdio: ["pipe", "pipe", "inherit"] });
  t.after(() => swapper.kill("SIGKILL"));
  const said = text(swapper.stdout);
  process.seteuid?.(USER);
  mkdirSync(place.directory, { mode: 0o700 });
  await eventually("it swaps", () => readdirSync(parent).includes("swapping"));

  const tokens = new Set<string>();
  const ends = { written: 0, refused: 0 };
  const believed: ControlFile[] = [];
  for (let round = 0; round < ROUNDS; round += 1) {
    const token = newToken();
    tokens.add(token);
    try {
      const path = await writeControlFile(place, { pid: round, worker: "w", port: 4_000, token });
      ends.written += 1;
      believed.push(...(await readControlFiles(place)));
      await removeControlFile(path);
    } catch (error) {
      assert.ok(error instanceof Fault, String(error));
      ends.refused += 1;
    }
  }
  swapper.stdin.end();
  const { swaps, read } = JSON.parse(await said) as { readonly swaps: number; readonly read: readonly string[] };
  assert.deepEqual([read, believed.filter((file) => !tokens.has(file.token))], [[], []]);
  assert.equal(readFileSync(join(victims, "control-kept.json"), "utf8"), "kept");
  // Through a link, a file of a new name and of this user alone can come to lie in another of its
  // directories.
  for (const name of readdirSync(victims).filter((one) => one !== "control-kept.json")) {
    assert.match(name, /^\.?control-[\da-f-]{36}\.json$/);
    assert.equal(statSync(join(victims, name)).mode & 0o777, 0o600);
  }
  assert.ok(swaps > 20 && ends.written > 20 && ends.refused > 20, JSON.stringify({ swaps, ...ends }));
});
