// Builds the Dockerfile offline: packages come from a wheelhouse and an npm cache that are filled
// first.
import {
  copyFileSync,
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  renameSync,
  rmSync,
  writeFileSync,
} from "node:fs";
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

/** The commit that the build gets as an argument, as in a release. */
export const IMAGE_COMMIT = "0123456789abcdef0123456789abcdef01234567";
export const IMAGE_EPOCH = 1_790_000_000;

const wheelhouse = `${IMAGE_HOME}/wheelhouse`;
const npmCache = `${IMAGE_HOME}/npm-cache`;

export interface Images {
  readonly worker: Image;
  /** What docs/deployment.md says makes an image of a project in `src/` layout. */
  readonly project: Image;
}

export async function buildImages(): Promise<Images> {
  await fillWheelhouse();
  await fillNpmCache();
  const volumes = [`${wheelhouse}:/wheelhouse:ro`, `${npmCache}:/npm-cache:rw`, ...(await offlineSettings())];
  const offline = ["--isolation", "chroot", "--pull-never"];
  const options = [...offline, ...volumes.flatMap((volume) => ["--volume", volume])];
  const args = ["--build-arg", `TASKIQ_COMMIT=${IMAGE_COMMIT}`, "--build-arg", `SOURCE_DATE_EPOCH=${IMAGE_EPOCH}`];
  await buildahOffline("Building the Dockerfile", ["bud", ...options, ...args, "--tag", "taskiq", "."]);
  const worker = await openImage("taskiq");
  const context = mkdtempSync(join(tmpdir(), "taskiq-project-"));
  try {
    cpSync("fixtures/dg_project", context, { recursive: true });
    writeFileSync(join(context, "Dockerfile"), dockerfileOf(readFileSync("docs/deployment.md", "utf8")));
    await buildahOffline("Building an image of a project", ["bud", ...options, "--tag", "project", context]);
  } finally {
    rmSync(context, { recursive: true });
  }
  return { worker, project: await openImage("project") };
}

/** The first block of the page. */
function dockerfileOf(page: string): string {
  const [, text] = /^```dockerfile\n(.*?)^```$/ms.exec(page) ?? [];
  if (text === undefined) throw new Error("docs/deployment.md: expected a block of code for a Dockerfile, got none");
  return text;
}

async function openImage(name: string): Promise<Image> {
  const container = await askBuildah(["from", "--pull-never", name]);
  const tree = await askBuildah(["mount", container]);
  const { OCIv1 } = JSON.parse(await askBuildah(["inspect", "--type", "image", name]));
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

/**
 * Files, not variables: those would stay in the image. npm's cache goes by the registry that filled
 * it.
 */
async function offlineSettings(): Promise<readonly string[]> {
  const { stdout: registry } = await attempt("npm", ["config", "get", "registry"]);
  const npmrc = `${IMAGE_HOME}/npmrc`;
  const pipConf = `${IMAGE_HOME}/pip.conf`;
  writeFileSync(npmrc, `registry=${registry.trim()}\ncache=/npm-cache\noffline=true\n`);
  writeFileSync(pipConf, "[global]\nno-index = true\nfind-links = /wheelhouse\n");
  return [`${npmrc}:/usr/local/etc/npmrc:ro`, `${pipConf}:/etc/pip.conf:ro`];
}
