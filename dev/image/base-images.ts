// Stand-ins for the images that the Dockerfile begins with: the same names, assembled from Debian's
// packages and npm's Node.
import { existsSync, mkdirSync, readFileSync, renameSync } from "node:fs";
import { run } from "../bootstrap/run.mjs";
import { askBuildah, buildah, IMAGE_HOME } from "./buildah.ts";

const debian = `${IMAGE_HOME}/debian.tar`;
const packages = ["python3", "python3-pip", "ca-certificates", "libatomic1", "libstdc++6", "tzdata"];

/** The names after FROM that are no stage of the Dockerfile itself. */
export function baseNames(dockerfile: string): readonly string[] {
  const froms = [...dockerfile.matchAll(/^FROM (\S+)(?: AS (\S+))?$/gm)];
  const stages = froms.map(([, , stage]) => stage);
  return froms.flatMap(([, name = ""]) => (stages.includes(name) ? [] : [name]));
}

/** Makes those that are not there yet. */
export async function makeBaseImages(): Promise<void> {
  mkdirSync(IMAGE_HOME, { recursive: true });
  const [node = "", python = "", distroless = ""] = baseNames(readFileSync("Dockerfile", "utf8"));
  await assembleDebian();
  await make(node, addNode);
  await make(python, usePip);
  await make(distroless, stripToDistroless);
}

async function assembleDebian(): Promise<void> {
  if (existsSync(debian)) return;
  // The machine's own sources: it knows which mirror it reaches.
  const sources = ["/etc/apt/sources.list.d/debian.sources", "/etc/apt/sources.list"].filter((path) =>
    existsSync(path),
  );
  const args = ["--variant=essential", `--include=${packages.join(",")}`, "bookworm", `${debian}.new`, ...sources];
  await run("Assembling a Debian from packages (minutes, once)", "mmdebstrap", args);
  renameSync(`${debian}.new`, debian);
}

async function make(name: string, furnish: (root: string) => Promise<void>): Promise<void> {
  const known = await askBuildah(["images", "--format", "{{.Name}}:{{.Tag}}"]);
  if (known.split("\n").some((line) => line.endsWith(name))) return;
  const container = await askBuildah(["from", "scratch"]);
  await buildah(`Unpacking Debian for ${name}`, ["add", "--quiet", container, debian, "/"]);
  const root = await askBuildah(["mount", container]);
  await furnish(root);
  await askBuildah(["unmount", container]);
  await buildah(`Committing ${name}`, ["commit", "--quiet", "--rm", container, name]);
}

async function addNode(root: string): Promise<void> {
  await run("  with the project's Node", "cp", ["-L", "node_modules/.bin/node", `${root}/usr/local/bin/node`]);
  const prefix = ["--prefix", `${root}/usr/local`, "--global"];
  await run("  and npm", "npm", ["install", ...prefix, "--no-audit", "--no-fund", "--loglevel=error", "npm@11"]);
}

async function usePip(root: string): Promise<void> {
  // Debian's mark that its Python is apt's; the official image's is pip's.
  await run("  for pip", "sh", ["-c", `rm -f ${root}/usr/lib/python3*/EXTERNALLY-MANAGED`]);
}

/**
 * Without a shell, a package manager, or any program but Python; with the user that distroless
 * calls nonroot.
 */
async function stripToDistroless(root: string): Promise<void> {
  const script = `
    cd "$1"
    find usr/bin usr/sbin usr/local/bin -mindepth 1 ! -name 'python3*' -delete
    rm -rf usr/lib/python3/dist-packages usr/lib/apt usr/lib/dpkg usr/lib/init usr/lib/systemd usr/lib/udev var/lib/dpkg var/lib/apt var/cache
    rm -rf usr/share/perl* usr/share/doc usr/share/man usr/share/locale usr/share/info usr/lib/*/perl* usr/lib/*/gconv etc/apt
    rm -f usr/lib/*/libatomic.so*
    mkdir -p home/nonroot
    chmod 1777 tmp
    printf 'root:x:0:0:root:/root:/sbin/nologin\\nnonroot:x:65532:65532:nonroot:/home/nonroot:/sbin/nologin\\n' > etc/passwd
    printf 'root:x:0:\\nnonroot:x:65532:\\n' > etc/group
  `;
  await run("  without all but Python", "sh", ["-euc", script, "sh", root]);
}
