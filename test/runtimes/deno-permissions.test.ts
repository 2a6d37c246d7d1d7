// A worker under Deno names each permission that it lacks, before it takes any step.
import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import { PYTHON } from "../support/dagster/dagster-sidecar.ts";
import { Deployment } from "../support/taskiq/deployment.ts";
import { taskiqCommand } from "../support/taskiq/taskiq-command.ts";
import { WorkerProcess } from "../support/taskiq/worker-process.ts";

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
    permission: "--allow-net",
    says: /^taskiq run: health server: port 0 on 127.0.0.1 cannot be opened: Requires net access to "127.0.0.1:0", run again with the --allow-net flag \(TQ_HEALTH_SERVER\)$/,
  },
  {
    permission: "--allow-run",
    instead: "--allow-run=python3",
    says: /^taskiq run: this runtime may not signal groups of processes: Requires run access, .* \(TQ_CONFIG\)$/,
  },
];

function denoWithout(permission: string, instead?: string): readonly [string, ...string[]] {
  const [program, ...args] = taskiqCommand("deno");
  const left = instead === undefined ? [] : [instead];
  return [program, ...args.flatMap((word) => (word.split("=")[0] === permission ? left : [word]))];
}

describe("a worker under Deno", () => {
  let deployment: Deployment;

  before(async () => {
    deployment = await Deployment.open();
  });
  after(() => deployment.close());

  for (const { permission, instead, says } of missing) {
    test(`a worker under Deno does not start ${instead === undefined ? "without" : `with ${instead} in place of`} ${permission}`, async () => {
      const worker = deployment.spawnWorker({ command: denoWithout(permission, instead) });
      assert.deepEqual(await worker.exit(), { code: 2, signal: null }, worker.tail());
      const said = worker.log.map(({ message }) => message);
      assert.ok(
        said.some((message) => says.test(message)),
        said.join("\n"),
      );
    });
  }

  test("doctor reports a worker under Deno that could not kill its steps", async () => {
    const command = denoWithout("--allow-run", `--allow-run=${PYTHON}`);
    const args = ["doctor", "--json", "--python", PYTHON];
    const doctor = new WorkerProcess({ args, command, env: deployment.env });
    assert.deepEqual(await doctor.exit(60_000), { code: 1, signal: null }, doctor.tail());
    const { checks } = JSON.parse(doctor.stdout.join("\n"));
    const { level, found, todo } = checks.find(({ check }: { check: string }) => check === "python");
    assert.equal(level, "fail");
    assert.match(found, /^this runtime may not signal groups of processes: Requires run access/);
    assert.equal(todo, "Deno: --allow-run without a list of programs, since a group is none.");
  });
});
