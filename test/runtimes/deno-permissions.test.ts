// What is missing among the permissions that Deno was given is told by name, before any step is taken.
import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import { Deployment } from "../support/taskiq/deployment.ts";
import { taskiqCommand } from "../support/taskiq/taskiq-command.ts";

interface Missing {
  readonly permission: string;
  /** What is given in its place. */
  readonly instead?: string;
  readonly says: RegExp;
}

const missing: readonly Missing[] = [
  {
    permission: "--allow-env",
    says: /^taskiq run: a permission is missing: Requires env access to "\w+", run again with the --allow-env flag \(TQ_CONFIG\)$/,
  },
  {
    permission: "--allow-read",
    says: /^taskiq run: a permission is missing: Requires read access to "\S+", run again with the --allow-read flag \(TQ_CONFIG\)$/,
  },
  {
    permission: "--allow-write",
    says: /^taskiq run: a permission is missing: Requires write access to "\S+taskiq.sqlite", .* \(TQ_CONFIG\)$/,
  },
  {
    permission: "--allow-sys",
    says: /^taskiq run: a permission is missing: Requires sys access to "osUptime", run again with the --allow-sys flag \(TQ_CONFIG\)$/,
  },
  {
    permission: "--allow-run",
    instead: "--allow-run=python3",
    says: /^taskiq run: this runtime may not signal groups of processes: Requires run access, .* \(TQ_CONFIG\)$/,
  },
];

describe("a worker under Deno", () => {
  let deployment: Deployment;

  before(async () => {
    deployment = await Deployment.open();
  });
  after(() => deployment.close());

  for (const { permission, instead, says } of missing) {
    test(`does not start ${instead === undefined ? "without" : `with ${instead} in place of`} ${permission}`, async () => {
      const command = taskiqCommand("deno").flatMap((word) => {
        if (word.split("=")[0] !== permission) return [word];
        return instead === undefined ? [] : [instead];
      });
      const [program = "", ...args] = command;
      const worker = deployment.spawnWorker({ command: [program, ...args] });
      assert.deepEqual(await worker.exit(), { code: 2, signal: null }, worker.tail());
      const said = worker.log.map(({ message }) => message);
      assert.ok(
        said.some((message) => says.test(message)),
        said.join("\n"),
      );
    });
  }
});
