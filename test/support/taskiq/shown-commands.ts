// What is wrong with a command that a page shows: each program that pages use has its check, and
// any other is wrong.
import { existsSync, globSync, readFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { commands } from "../../../cli/commands.ts";
import type { Machine } from "../../../cli/options/option.ts";
import { root } from "../pages.ts";
import type { ShellCommand } from "./shell-lines.ts";

const machine: Machine = {
  hostname: () => "worker-1",
  pid: () => 7,
  uid: () => 1_000,
  tmpdir: () => "/tmp",
  isDirectory: () => true,
};

type Check = (shown: ShellCommand, folder: string) => Promise<string | null> | string | null;

const checks: Readonly<Record<string, Check>> = {
  taskiq: ({ words, variables }) => taskiqFault(words.slice(1), variables),
  node: nodeFault,
  "node_modules/.bin/node": nodeFault,
  deno: ({ words, variables }) => bundleFault(words, variables),
  npm: ({ words }, folder) => npmFault(words.slice(1), folder),
  pip: ({ words }) => (isThere(words.at(-1) ?? "") ? null : `${words.at(-1)} does not exist`),
  export: ({ words }) => (/^[A-Z_]+=\S+$/.test(words[1] ?? "") ? null : "expected a variable and a value"),
  curl: ({ words }) => (/\/(?:livez|readyz|healthz)$/.test(words.at(-1) ?? "") ? null : "expected /livez or /readyz"),
  grep: () => null,
  // Both run in test/e2e/dev.test.ts.
  ".": ({ words }) => (words[1] === ".taskiq/dev.env" ? null : "expected the variables of taskiq dev"),
  dagster: ({ words }) =>
    /^dagster job (?:launch|execute) -m \S+ -j \S+$/.test(words.join(" ")) ? null : "expected a job",
  // What it makes of them: test/docs-deployment.test.ts.
  aws: ({ words }) => awsFault(words.join(" ")),
};

function awsFault(shown: string): string | null {
  if (/^aws sqs create-queue --queue-name \S+ --attributes \S+$/.test(shown)) return null;
  if (/^aws ecs run-task (?:--[a-z-]+ \S+ ?)+$/.test(shown)) {
    const needed = ["--cluster", "--task-definition", "--network-configuration", "--overrides"];
    return needed.every((flag) => shown.includes(`${flag} `)) ? null : `expected ${needed.join(", ")}`;
  }
  if (/^aws ecs update-service --cluster \S+ --service \S+ --force-new-deployment$/.test(shown)) return null;
  const [, template = ""] = /^aws cloudformation deploy --stack-name \S+ .*--template-file (\S+)/.exec(shown) ?? [];
  return isThere(template) ? null : "neither creates a queue, runs a task, nor deploys a template that exists";
}

/** Null: nothing is wrong. `page` decides where its files and scripts are. */
export async function faultOf(shown: ShellCommand, page: string): Promise<string | null> {
  const program = shown.words[0] ?? "";
  const check = Object.hasOwn(checks, program) ? checks[program] : undefined;
  if (check === undefined)
    return `nothing checks commands of ${program}: add one to test/support/taskiq/shown-commands.ts`;
  const fault = await check(shown, dirname(page));
  return fault === null ? null : `${shown.words.join(" ")}: ${fault}`;
}

/** Its configuration is settled as the real command does; nothing is started. */
async function taskiqFault(argv: readonly string[], given: Readonly<Record<string, string>>): Promise<string | null> {
  const [name = "", ...rest] = argv;
  const listed = commands.find((one) => one.name === name);
  if (listed === undefined) return `there is no command ${name}`;
  // What the sentences around it say is there already.
  const env = { DAGSTER_HOME: "/dagster", ...given };
  const isQueueNamed = rest.some((word) => word.startsWith("--queue")) || Object.hasOwn(given, "TASKIQ_QUEUES");
  const queue = isQueueNamed ? {} : { TASKIQ_QUEUE_NAME: "steps.fifo" };
  const command = await listed.load();
  const { problems } = command.prepare(rest, { POSTGRES_HOST: "db", POSTGRES_USER: "u", ...queue, ...env }, machine);
  return problems.length === 0 ? null : problems.join("; ");
}

function bundleFault(words: readonly string[], variables: Readonly<Record<string, string>>) {
  const at = words.indexOf("dist/taskiq.mjs");
  return at < 0 ? "expected dist/taskiq.mjs" : taskiqFault(words.slice(at + 1), variables);
}

function nodeFault({ words, variables }: ShellCommand, folder: string) {
  if (words[1] === "dist/taskiq.mjs") return bundleFault(words, variables);
  const files = words.slice(1).filter((word) => !word.startsWith("-") && /\.(?:m?js|ts)$/.test(word));
  const missing = files.filter((file) => globSync(file, { cwd: join(root, folder) }).length === 0);
  if (files.length === 0) return "names no file";
  return missing.length === 0 ? null : `${missing.join(", ")} does not exist`;
}

function npmFault([verb = "", ...rest]: readonly string[], pageFolder: string): string | null {
  // Pages in docs/ speak of the checkout's own package.
  const folder = isThere(join(pageFolder, "package.json")) ? pageFolder : "";
  const scripts = JSON.parse(readFileSync(join(root, folder, "package.json"), "utf8")).scripts as object;
  if (verb === "ci") return null;
  if (verb === "install") return isThere(rest[0]?.replace("path/to/taskiq/", "") ?? "") ? null : `no ${rest[0]}`;
  const script = verb === "run" ? (rest[0] ?? "") : verb;
  return Object.hasOwn(scripts, script) ? null : `${join(folder, "package.json")} has no script ${script}`;
}

function isThere(path: string): boolean {
  return existsSync(join(root, path));
}
