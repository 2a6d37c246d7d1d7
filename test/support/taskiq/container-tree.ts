// The image's file tree without an engine: the Dockerfile's variables and its Dagster instance,
// with a project installed as the pages say.
import { execFileSync } from "node:child_process";
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { PYTHON } from "../dagster/dagster-sidecar.ts";
import { root } from "../pages.ts";

const dockerfile = readFileSync(join(root, "Dockerfile"), "utf8");

export class ContainerTree {
  readonly path = mkdtempSync(join(tmpdir(), "taskiq-tree-"));

  constructor() {
    for (const folder of ["app", "packages", "tmp"]) mkdirSync(join(this.path, folder));
    const [, from = "", to = ""] = /^COPY --chown=\S+ (deploy\/image\/dagster\.yaml) (\S+)$/m.exec(dockerfile) ?? [];
    const instance = this.#inside(join(to, "dagster.yaml"));
    mkdirSync(dirname(instance), { recursive: true });
    // The one other place that a container writes to is /tmp.
    writeFileSync(instance, readFileSync(join(root, from), "utf8").replaceAll(" /tmp/", ` ${this.#inside("/tmp/")}`));
  }

  /** ENV, with the paths of this tree. Python is the tests' own, where Dagster is. */
  get variables(): Readonly<Record<string, string>> {
    const [, block = ""] = /^ENV ((?:.*\\\n)*.*)$/m.exec(dockerfile) ?? [];
    const pairs = [...block.matchAll(/(\w+)=(\S+)/g)].map(([, name = "", value = ""]) => [name, this.#inside(value)]);
    const { PATH: _path, PYTHONPATH: app = "", ...rest } = Object.fromEntries(pairs) as Record<string, string>;
    return { ...rest, PYTHONPATH: `${app}:${this.#inside("/packages")}`, TASKIQ_PYTHON: PYTHON };
  }

  /** As `COPY . /app` and `pip install /app` do. */
  installProject(files: Readonly<Record<string, string>>): void {
    for (const [name, text] of Object.entries(files)) {
      const path = join(this.path, "app", name);
      mkdirSync(dirname(path), { recursive: true });
      writeFileSync(path, text);
    }
    const here = ["--no-deps", "--no-build-isolation", "--no-index", "--target", join(this.path, "packages")];
    execFileSync(PYTHON, ["-m", "pip", "install", "--quiet", ...here, join(this.path, "app")], { stdio: "pipe" });
  }

  get workingDirectory(): string {
    return join(this.path, "app");
  }

  remove(): void {
    rmSync(this.path, { recursive: true, force: true });
  }

  /** Values that begin like a path of the image are one. */
  #inside(value: string): string {
    return value.startsWith("/") ? join(this.path, value) : value;
  }
}
