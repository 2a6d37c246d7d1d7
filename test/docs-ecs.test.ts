// What docs/ecs.md has people run on ECS: commands that the worker's container takes, and roles
// that name what the policies allow.
import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, test } from "node:test";
import { passwordIn } from "../core/ledger/postgres/passfile.ts";
import { executionPolicy } from "../deploy/src/policies.ts";
import { pages, root } from "./support/pages.ts";
import { faultOf } from "./support/taskiq/shown-commands.ts";

interface Overrides {
  readonly containerOverrides?: readonly { readonly name: string; readonly command: readonly string[] }[];
}

const PAGE = "docs/ecs.md";
const text = readFileSync(join(root, PAGE), "utf8");
const { blocks = [] } = pages.find(({ path }) => path === PAGE) ?? {};
const overrides = blocks
  .filter(({ language }) => language === "json")
  .flatMap((block) => (JSON.parse(block.text) as Overrides).containerOverrides ?? []);

describe("a command that is run as a task", () => {
  for (const { name, command } of overrides) {
    test(`docs/ecs.md runs as a task what taskiq accepts: ${command.join(" ")}`, async () => {
      const definition = JSON.parse(readFileSync(join(root, "deploy/task-definition.json"), "utf8"));
      const [container] = definition.containerDefinitions;
      assert.deepEqual([name, container.entryPoint], [container.name, ["taskiq"]]);
      assert.equal(await faultOf({ variables: {}, words: ["taskiq", ...command] }, PAGE), null);
    });
  }

  test("docs/ecs.md shows each command that an operator needs as a task", () => {
    const shown = overrides.map(({ command: [word] }) => word);
    assert.deepEqual(shown.toSorted(), ["drain", "inspect-dlq", "migrate", "quiet", "replay", "resume"]);
  });
});

test("docs/ecs.md gives the execution role the permissions that the component gives it", () => {
  const everything = {
    logGroup: "l",
    repositories: ["r"],
    secrets: ["arn:aws:ssm:x", "arn:aws:secretsmanager:x"],
    keys: ["k"],
  };
  const given = executionPolicy(everything).Statement.flatMap(({ Action: actions }) => actions);
  const row = /^\| execution role \|.*$/m.exec(text)?.[0] ?? "";
  const documented = [...row.matchAll(/`(\w+:\w+)`/g)].map(([, action = ""]) => action);
  assert.deepEqual(documented.toSorted(), given.toSorted());
});

test("the sidecar's command writes a password file from a token, and keeps the last one when there is no new one", (t) => {
  const sidecar = blocks.find((block) => block.language === "json" && block.text.includes("generate-db-auth-token"));
  const [command = ""] = JSON.parse(sidecar?.text ?? "").command as readonly string[];
  const folder = mkdtempSync(join(tmpdir(), "taskiq-sidecar-"));
  t.after(() => rmSync(folder, { recursive: true }));
  const token = "db:5432/?Action=connect&DBUser=worker&X-Amz-Date=20260101T000000Z\\&X-Amz-Signature=a%3Ab";
  // The first answer is a token, the second none; the second sleep ends the loop.
  const programs = {
    aws: `test -e ${folder}/asked && exit 1; touch ${folder}/asked; cat ${folder}/token`,
    sleep: `test -e ${folder}/slept && kill $PPID; touch ${folder}/slept`,
    chown: "exit 0",
  };
  writeFileSync(join(folder, "token"), token);
  for (const [name, script] of Object.entries(programs)) {
    writeFileSync(join(folder, name), `#!/bin/sh\n${script}\n`, { mode: 0o755 });
  }
  const env = { PATH: `${folder}:${process.env["PATH"]}`, HOST: "db", NAME: "worker" };
  const here = command.replaceAll("/secrets", folder);
  assert.throws(() => execFileSync("sh", ["-c", here], { env, timeout: 20_000 }), { signal: "SIGTERM" });
  const login = { host: "db", port: 5432, database: "taskiq", user: "worker" };
  assert.equal(passwordIn(readFileSync(join(folder, "pgpass"), "utf8"), login), token);
});
