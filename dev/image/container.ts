// Starts a program in the image's file tree as a container engine would start it. The program is
// PID 1 of its own namespace, with the image's user and environment, a read-only root, and /tmp in
// memory. Only the network is the machine's, because the tests' servers are on its loopback.
import { fileURLToPath } from "node:url";

export interface ImageConfig {
  readonly User: string;
  readonly Env: readonly string[];
  readonly Entrypoint: readonly string[];
  readonly Cmd: readonly string[];
  readonly WorkingDir: string;
}

export interface ContainerOptions {
  readonly tree: string;
  readonly config: ImageConfig;
  /** Instead of the image's own. */
  readonly entrypoint?: readonly string[];
  /** Folders of the machine, shown read-only: `/here:/there`. */
  readonly folders?: readonly string[];
}

const script = fileURLToPath(new URL("enter.sh", import.meta.url));

/** The command and its environment; what follows the command is the container's own. */
export function containerCommand({ tree, config, entrypoint = config.Entrypoint, folders = [] }: ContainerOptions): {
  readonly command: readonly [string, ...string[]];
  readonly env: Readonly<Record<string, string>>;
} {
  const namespaces = ["--mount", "--pid", "--ipc", "--uts", "--fork", "--kill-child=SIGKILL"];
  const env = Object.fromEntries(
    config.Env.map((line) => [line.slice(0, line.indexOf("=")), line.slice(line.indexOf("=") + 1)]),
  );
  return {
    command: [
      "unshare",
      ...namespaces,
      "sh",
      script,
      tree,
      config.User,
      config.WorkingDir,
      folders.join(" "),
      ...entrypoint,
    ],
    env,
  };
}
