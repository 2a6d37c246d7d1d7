// When an init is put in place, and what of; test/e2e/pid-one.test.ts has the real thing.
import assert from "node:assert/strict";
import { EventEmitter } from "node:events";
import { resolve } from "node:path";
import { describe, test } from "node:test";
import { defineCommand } from "../../../cli/command.ts";
import { runUnderInit } from "../../../cli/init.ts";
import { optional } from "../../../cli/options/option.ts";
import { text } from "../../../cli/options/values.ts";
import { runProgram } from "../../../cli/program.ts";
import { Captured } from "./captured.ts";
import { machine } from "./known-machine.ts";

const missing = "this is PID 1 and can reap no orphans, which a step host that dies leaves behind as zombies";

/** A process whose `execve` only records the call. */
function makeSelf(pid: number) {
  const became: { file: string; args: readonly string[]; env: unknown }[] = [];
  const execve = (file: string, args: readonly string[] = [], env: unknown = {}): never => {
    became.push({ file, args, env });
    throw new Error("it stays");
  };
  return { became, self: { pid, env: { PATH: "/nowhere::/bin:/usr/bin" }, execPath: "/bin/taskiq", execve } };
}

describe("the init", () => {
  test("the init is not started by a process that is not PID 1", () => {
    const { self, became } = makeSelf(2);
    assert.equal(runUnderInit("sh", self), null);
    assert.deepEqual(became, []);
  });

  test("the init runs in a bare Python and gets the command line that the kernel got", () => {
    for (const [python, file] of [
      ["sh", /^(?:\/usr)?\/bin\/sh$/],
      ["/bin/sh", /^\/bin\/sh$/],
    ] as const) {
      const { self, became } = makeSelf(1);
      assert.equal(runUnderInit(python, self), `${missing}: it stays`);
      const [it] = became;
      assert.match(it?.file ?? "", file);
      assert.deepEqual(it?.env, self.env);
      const [name, isolated, siteless, text, source = "", program, ...argv] = it?.args ?? [];
      assert.deepEqual([name, isolated, siteless, text, program], [python, "-I", "-S", "-c", "/bin/taskiq"]);
      assert.match(source, /^def main\(program: str, argv: list\[str\]\) -> None:$/m);
      assert.deepEqual(argv.slice(0, -1), [process.argv0, ...process.execArgv]);
      assert.equal(resolve(argv.at(-1) ?? ""), process.argv[1]);
    }
  });

  test("the init is reported as missing where Python does not exist", () => {
    for (const python of ["no-such-python", "/etc/passwd", "/bin"]) {
      const { self, became } = makeSelf(1);
      assert.equal(runUnderInit(python, self), `${missing}: there is no ${python}`);
      assert.deepEqual(became, []);
    }
  });

  test("the init is reported as missing, with the alternative, where the runtime cannot become another program", () => {
    const { self } = makeSelf(1);
    const { execve: _, ...without } = self;
    const hint = "start the container with an init (docker run --init)";
    assert.equal(runUnderInit("sh", without), `${missing}: ${hint}`);
  });
});

/** The Pythons that were to run an init, and the warnings with which a command then ran. */
async function program(...argv: readonly string[]) {
  const asked: string[] = [];
  const warned: (readonly string[])[] = [];
  const python = optional({
    flag: "--python",
    env: [],
    group: "Things",
    help: "What starts processes.",
    kind: text("<path>", "a path"),
    absent: "nothing does",
  });
  const command = defineCommand({
    name: "paint",
    setup: {
      options: { python },
      rules: () => ({ problems: [], warnings: ["it may drip"] }),
      config: () => ({}),
    },
    examples: [],
    no: "Never.",
    usageExit: 2,
    warnsOfVariables: true,
    run: async (_config, _io, warnings) => {
      warned.push(warnings);
      return 0;
    },
  });
  const io = {
    stdout: new Captured(),
    stderr: new Captured(),
    env: {},
    signals: new EventEmitter(),
    machine,
    runUnderInit: (name: string) => {
      asked.push(name);
      return "it stays PID 1";
    },
  };
  await runProgram(["paint", ...argv], io, [{ name: "paint", summary: "Paints", load: async () => command }]);
  return { asked, warned };
}

describe("a command", () => {
  test("a command that starts processes leaves PID 1 before it runs, or warns that it cannot", async () => {
    const both = ["it may drip", "it stays PID 1"];
    assert.deepEqual(await program("--python", "py"), { asked: ["py"], warned: [both] });
  });

  test("a command that only prints something or starts no process may stay PID 1", async () => {
    for (const argv of [["--help"], ["--print-config"], ["--unknown"]]) {
      assert.deepEqual(await program("--python", "py", ...argv), { asked: [], warned: [] });
    }
    assert.deepEqual(await program(), { asked: [], warned: [["it may drip"]] });
  });
});
