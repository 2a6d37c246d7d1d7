// Builds the Dockerfile offline: packages come from a wheelhouse and an npm cache that are filled first.
import { copyFileSync, existsSync, mkdirSync, mkdtempSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { attempt, run } from "../bootstrap/run.mjs";
import { askBuildah, buildahOffline, IMAGE_HOME } from "./buildah.ts";

export interface Image {
  /** Where its file tree is mounted. */
  readonly tree: string;
  readonly bytes: number;
  readonly config: {
    readonly User: string;
    readonly Env: readonly string[];
    readonly Entrypoint: readonly string[];
    readonly Cmd: readonly string[];
    readonly WorkingDir: string;
    readonly Volumes: Readonly<Record<string, unknown>>;
  };
}

const wheelhouse = `${IMAGE_HOME}/wheelhouse`;
const npmCache = `${IMAGE_HOME}/npm-cache`;

export async function buildImage(): Promise<Image> {
  await fillWheelhouse();
  await fillNpmCache();
  const volumes = [`${wheelhouse}:/wheelhouse:ro`, `${npmCache}:/npm-cache:rw`, ...(await offlineSettings())];
  const offline = ["--isolation", "chroot", "--pull-never"];
  const mounts = volumes.flatMap((volume) => ["--volume", volume]);
  await buildahOffline("Building the Dockerfile", ["bud", ...offline, ...mounts, "--tag", "taskiq", "."]);
  const container = await askBuildah(["from", "--pull-never", "taskiq"]);
  const tree = await askBuildah(["mount", container]);
  const { OCIv1 } = JSON.parse(await askBuildah(["inspect", "--type", "image", "taskiq"]));
  const { stdout } = await attempt("du", ["--summarize", "--bytes", tree]);
  return { tree, bytes: Number.parseInt(stdout, 10), config: OCIv1.config };
}

async function fillWheelhouse(): Promise<void> {
  mkdirSync(wheelhouse, { recursive: true });
  const download = ["-m", "pip", "download", "--quiet", "--dest", wheelhouse];
  const python = ".venv/bin/python";
  const locked = ["--no-deps", "--require-hashes", "-r", "deploy/image/requirements.lock"];
  await run("Filling the wheelhouse", python, [...download, ...locked]);
  await run("  and with what builds a wheel", python, [...download, "hatchling==1.27.0"]);
}

async function fillNpmCache(): Promise<void> {
  if (existsSync(npmCache)) return;
  const folder = mkdtempSync(join(tmpdir(), "taskiq-image-"));
  try {
    for (const file of ["package.json", "package-lock.json", ".npmrc"]) copyFileSync(file, join(folder, file));
    const ci = ["ci", "--prefix", folder, "--cache", `${npmCache}.new`, "--ignore-scripts", "--no-audit", "--no-fund"];
    await run("Filling the npm cache", "npm", ci);
    renameSync(`${npmCache}.new`, npmCache);
  } finally {
    rmSync(folder, { recursive: true });
  }
}

/** Files, not variables: those would stay in the image. npm's cache goes by the registry that filled it. */
async function offlineSettings(): Promise<readonly string[]> {
  const { stdout: registry } = await attempt("npm", ["config", "get", "registry"]);
  const npmrc = `${IMAGE_HOME}/npmrc`;
  const pipConf = `${IMAGE_HOME}/pip.conf`;
  writeFileSync(npmrc, `registry=${registry.trim()}\ncache=/npm-cache\noffline=true\n`);
  writeFileSync(pipConf, "[global]\nno-index = true\nfind-links = /wheelhouse\n");
  return [`${npmrc}:/usr/local/etc/npmrc:ro`, `${pipConf}:/etc/pip.conf:ro`];
}
