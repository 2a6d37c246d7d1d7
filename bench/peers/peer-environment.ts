// What the peers need and taskiq does not: a Python with dagster-celery, and a Redis. Installed
// below `.bench` on first use.
import { existsSync, mkdirSync, readFileSync, symlinkSync, writeFileSync } from "node:fs";
import { delimiter, dirname, join } from "node:path";
import process from "node:process";
import { fileURLToPath } from "node:url";
import { installerFor } from "../../dev/bootstrap/python-packages.mjs";
import { attempt, run } from "../../dev/bootstrap/run.mjs";
import { lockedVersion, requirementsFor } from "../../dev/test/dagster-versions.ts";

const root = fileURLToPath(new URL("../../", import.meta.url));
const folder = join(root, ".bench");

/** The Python, with the project's own versions of Dagster and its libraries. */
export async function ensurePeerPython(): Promise<string> {
  const environment = join(folder, "venv");
  const python = join(environment, "bin/python");
  const stamp = join(environment, "taskiq-stamp");
  const pinned = readFileSync(join(root, "python/requirements.in"), "utf8");
  const wanted = requirementsFor(lockedVersion(pinned), pinned);
  const celery = wanted.filter((name) => name.startsWith("dagster-postgres")).map(celeryBeside);
  const packages = [...wanted, ...celery, "redis"];
  if (existsSync(stamp) && readFileSync(stamp, "utf8") === packages.join("\n")) return python;
  mkdirSync(folder, { recursive: true });
  await run("Making an environment for dagster-celery", join(root, ".venv/bin/python"), ["-m", "venv", environment]);
  const install = await installerFor(python);
  await install("Installing dagster-celery", packages);
  await install("Installing this project's Python package, editable", ["--no-deps", "-e", join(root, "python")]);
  writeFileSync(stamp, packages.join("\n"));
  return python;
}

/** Dagster's libraries share their version. */
function celeryBeside(library: string): string {
  return library.replace("dagster-postgres", "dagster-celery");
}

export interface RedisProgram {
  readonly path: string;
  /** For the dynamic linker. */
  readonly libraries: string;
}

/** The machine's own, else Debian's packages unpacked; `null` where there is neither. */
export async function findRedis(): Promise<RedisProgram | null> {
  const onPath = (process.env["PATH"] ?? "").split(delimiter).map((place) => join(place, "redis-server"));
  const own = onPath.find((path) => existsSync(path));
  return own === undefined ? unpackedRedis() : { path: own, libraries: "" };
}

async function unpackedRedis(): Promise<RedisProgram | null> {
  const place = join(folder, "redis");
  // Debian ships one program under several names, which decide what it does.
  const path = join(place, "usr/bin/redis-server");
  if (!existsSync(path)) {
    mkdirSync(place, { recursive: true });
    const script = "apt-get download redis-tools liblzf1 libjemalloc2 && for deb in *.deb; do dpkg-deb -x $deb .; done";
    const { code } = await attempt("sh", ["-c", `cd '${place}' && ${script}`]);
    if (code !== 0 || !existsSync(join(dirname(path), "redis-check-rdb"))) return null;
    symlinkSync("redis-check-rdb", path);
  }
  const { stdout } = await attempt("find", [place, "-name", "libjemalloc.so.2"]);
  const redis = { path, libraries: dirname(stdout.trim()) };
  const works = await attempt(path, ["--version"], { ...process.env, LD_LIBRARY_PATH: redis.libraries });
  return works.code === 0 ? redis : null;
}
