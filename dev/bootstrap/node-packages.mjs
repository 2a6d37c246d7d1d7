// The npm dependencies, the project's own Node among them: installed from the lock file when they
// are not what it says.
import { existsSync, readFileSync, symlinkSync } from "node:fs";
import { basename } from "node:path";
import { attempt, run } from "./run.mjs";
import { SetupError } from "./setup-error.mjs";

/** The project's own Node, whatever Node the machine has. */
export const projectNode = "node_modules/.bin/node";

/**
 * @typedef {Record<string, { version?: string, integrity?: string, optional?: boolean }>} Packages
 */

export async function ensureNodePackages() {
  const locked = packagesIn("package-lock.json");
  const upToDate = isUpToDate(".");
  if (upToDate && existsSync(projectNode)) return;
  if (!upToDate) await install(".");
  if (!existsSync(projectNode)) linkNode(locked);
  await verifyNode(locked);
}

/**
 * The packages of a folder with a lock file of its own, which only its stage of tests needs.
 *
 * @param {"deploy" | "test/runtimes"} folder
 */
export async function ensurePackagesOf(folder) {
  if (!isUpToDate(folder)) await install(folder);
}

/**
 * npm keeps a record of what it installed, so an `npm ci` by hand counts as well as one from here.
 *
 * @param {string} folder
 */
function isUpToDate(folder) {
  return isInstalled(
    packagesIn(`${folder}/package-lock.json`),
    packagesIn(`${folder}/node_modules/.package-lock.json`),
  );
}

/** @param {string} folder */
async function install(folder) {
  const [npm, ...args] = npmCommand();
  // Whatever NODE_ENV or the user's settings say: the tools that build and test are what is wanted
  // here.
  const include = ["--include=dev", "--include=optional", "--engine-strict=false"];
  const quiet = ["--no-audit", "--no-fund", "--loglevel=error"];
  const where = folder === "." ? [] : [`--prefix=${folder}`, "--ignore-scripts"];
  const progress = `Installing npm packages into ${folder === "." ? "" : `${folder}/`}node_modules`;
  await run(progress, npm, [...args, "ci", ...where, ...include, ...quiet]);
}

/**
 * Whether everything that the lock file asks for on this platform is there. An optional package
 * that is absent is one for another platform.
 *
 * @param {Packages} locked
 * @param {Packages} installed
 */
export function isInstalled(locked, installed) {
  // Where every package is optional, nothing at all would count as installed.
  if (Object.keys(installed).length === 0) return false;
  return Object.entries(locked).every(([path, wanted]) => {
    if (path === "") return true;
    const found = installed[path];
    if (found === undefined) return wanted.optional === true;
    return found.version === wanted.version && found.integrity === wanted.integrity;
  });
}

/**
 * @param {string} path
 * @returns {Packages}
 */
function packagesIn(path) {
  if (!existsSync(path)) return {};
  return JSON.parse(readFileSync(path, "utf8")).packages ?? {};
}

/** @returns {[string, ...string[]]} npm itself, the one that runs this when one does */
export function npmCommand() {
  const running = process.env["npm_execpath"];
  const isNpm = running !== undefined && basename(running) === "npm-cli.js";
  return isNpm ? [process.execPath, running] : ["npm"];
}

/**
 * npm up to 10 links no program that packages for several platforms offer under one name.
 *
 * @param {Packages} locked
 */
function linkNode(locked) {
  const there = nodePackages(locked).find((path) => existsSync(`${path}/bin/node`));
  if (there !== undefined) symlinkSync(`../${basename(there)}/bin/node`, projectNode);
}

/** @param {Packages} locked */
async function verifyNode(locked) {
  const wanted = nodePackages(locked).map((path) => `v${locked[path]?.version}`);
  const { code, output } = await attempt(projectNode, ["--version"]);
  if (code === 0 && wanted.includes(output.trim())) return;
  throw new SetupError(
    `expected ${projectNode} to be Node ${wanted[0]}, got: ${output.trim()}`,
    `npm has it for Linux (glibc) and macOS on x64 and arm64; this machine is ${process.platform} on ${process.arch}.`,
  );
}

/** @param {Packages} locked */
function nodePackages(locked) {
  return Object.keys(locked).filter((path) => /^node_modules\/node-(bin-)?(linux|darwin)-/.test(path));
}
