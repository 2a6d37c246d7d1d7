// The program around the commands: what is said where, and with which exit code.
import assert from "node:assert/strict";
import { EventEmitter } from "node:events";
import { describe, test } from "node:test";
import type { Listed } from "../../../cli/command.ts";
import { defineCommand } from "../../../cli/command.ts";
import type { ExitCode } from "../../../cli/exit-codes.ts";
import { onOff, optional, setting } from "../../../cli/options/option.ts";
import type { Env } from "../../../cli/options/resolve.ts";
import { text, wholeNumber } from "../../../cli/options/values.ts";
import { runProgram } from "../../../cli/program.ts";
import { Fault } from "../../../core/faults.ts";
import { Captured } from "./captured.ts";
import { machine } from "./known-machine.ts";

const group = "Things";
const options = {
  size: setting({
    flag: "--size",
    short: "-s",
    env: ["TASKIQ_SIZE"],
    group,
    help: "How big.",
    kind: wholeNumber(1, 9),
    fallback: "3",
  }),
  target: optional({
    flag: "--target",
    env: ["TASKIQ_TARGET", "TARGET"],
    group,
    help: "Where to.",
    kind: text("<url>", "a place"),
    absent: "nowhere",
  }),
  loud: onOff({ flag: "--loud", env: ["TASKIQ_LOUD"], group: "Manners", help: "Louder." }),
};

interface Config {
  readonly size: number;
}

function makeCommand(
  name: string,
  usageExit: ExitCode,
  run: (config: Config, warnings: readonly string[]) => Promise<ExitCode>,
): Listed {
  const command = defineCommand({
    name,
    setup: {
      options,
      rules: ({ loud }) => ({ problems: [], warnings: loud.value === true ? ["it will be loud"] : [] }),
      config: ({ size }): Config => ({ size }),
    },
    examples: [
      `taskiq ${name} --size 4`,
      `taskiq ${name} --target "a place that is quite far away" --size 4 --loud --no-loud`,
    ],
    first: ["--size", "--loud"],
    no: "The wall said no.",
    usageExit,
    warnsOfVariables: usageExit === 2,
    run: (config, _io, warnings) => run(config, warnings),
  });
  return { name, summary: `Does ${name}`, load: async () => command };
}

async function run(argv: readonly string[], env: Env = {}, body = async (_config: Config): Promise<ExitCode> => 0) {
  const [stdout, stderr] = [new Captured(), new Captured()];
  const ran: { config: Config; warnings: readonly string[] }[] = [];
  const noted = async (config: Config, warnings: readonly string[]) => {
    ran.push({ config, warnings });
    return body(config);
  };
  const io = { stdout, stderr, env, signals: new EventEmitter(), machine };
  const exitCode = await runProgram(argv, io, [makeCommand("paint", 2, noted), makeCommand("probe", 1, noted)]);
  return { exitCode, stdout: stdout.text, stderr: stderr.text, ran };
}

const overview = `Usage: taskiq <command> [options]

Runs the steps of Dagster jobs that come through an Amazon SQS queue.

Commands:
  paint               Does paint
  probe               Does probe
  help [command]      Show the help of a command
  completion <shell>  Print a completion script for a shell
  man                 Print the manual page: taskiq man | man -l -

  taskiq <command> --help         the options that you meet first
  taskiq <command> --help --all   every option
  taskiq --version [--json]       the version; as JSON, commit and date too
`;

const whole = `Usage: taskiq paint [options]

Does paint. Every option can also be set by its environment variable (env); the
command line wins.

Things:
  -s, --size <n>
      How big. (env: TASKIQ_SIZE, default: 3)
  --target <url>
      Where to. (env: TASKIQ_TARGET, TARGET, default: nowhere)

Manners:
  --loud
      Louder. (env: TASKIQ_LOUD)

Other:
  --print-config
      Show every option's value and where it comes from, and do nothing else.
  -h, --help
      Show this.

Examples:
  taskiq paint --size 4
  taskiq paint --target "a place that is quite far away" --size 4 --loud \\
    --no-loud

Exit codes:
  0  Done.
  1  The wall said no.
  2  Wrong usage or configuration: trying again will not help.
  3  A dependency cannot be reached: trying again may help.
`;

const help = whole
  .replace("  --target <url>\n      Where to. (env: TASKIQ_TARGET, TARGET, default: nowhere)\n", "")
  .replace("      Show this.\n", "      Show this.\n  --help --all\n      Show every option, 1 more than here.\n");

describe("without running a command", () => {
  const rows: readonly [readonly string[], ExitCode, string, string][] = [
    [[], 2, "", overview],
    [["--help"], 0, overview, ""],
    [["-h"], 0, overview, ""],
    [["--version"], 0, "taskiq 0.0.0-source\n", ""],
    [["--version", "--json"], 0, '{"version":"0.0.0-source","commit":null,"source_date":null}\n', ""],
    [["--version", "--jsn"], 2, "", "taskiq: unknown option --jsn, did you mean --json?\nTry: taskiq --help\n"],
    [
      ["piant"],
      2,
      "",
      'taskiq: unknown command "piant", did you mean paint?\nCommands: paint, probe, help, completion, man\n',
    ],
    [["007"], 2, "", 'taskiq: unknown command "007"\nCommands: paint, probe, help, completion, man\n'],
    [["x://u:pw@h"], 2, "", 'taskiq: unknown command "x://***@h"\nCommands: paint, probe, help, completion, man\n'],
    [["--size=4", "paint"], 2, "", "taskiq: unknown option --size: options follow a command\nTry: taskiq --help\n"],
    [["--verison"], 2, "", "taskiq: unknown option --verison, did you mean --version?\nTry: taskiq --help\n"],
    [["paint", "--help"], 0, help, ""],
    [["help", "paint"], 0, help, ""],
    [["help"], 0, overview, ""],
    [["paint", "--help", "--all"], 0, whole, ""],
    [["help", "paint", "--all"], 0, whole, ""],
    [["completion", "tcsh"], 2, "", 'taskiq completion: expected one of bash, zsh, fish, powershell, got "tcsh"\n'],
    [["completion"], 2, "", "taskiq completion: expected one of bash, zsh, fish, powershell, got nothing\n"],
    [["paint", "--size", "many", "-h"], 0, help, ""],
    [
      ["paint", "--sise", "4"],
      2,
      "",
      "taskiq paint: cannot start\n  unknown option --sise, did you mean --size?\nTry: taskiq paint --help\n",
    ],
    [
      ["probe", "--sise", "4"],
      1,
      "",
      "taskiq probe: cannot start\n  unknown option --sise, did you mean --size?\nTry: taskiq probe --help\n",
    ],
  ];
  for (const [argv, exitCode, stdout, stderr] of rows) {
    test(`${["taskiq", ...argv].join(" ")} runs no command and exits with ${exitCode}`, async () => {
      assert.deepEqual(await run(argv), { exitCode, stdout, stderr, ran: [] });
    });
  }

  test("a mistyped environment variable is reported together with the wrong options", async () => {
    const { stderr, exitCode } = await run(["paint", "--size=x"], { TASKIQ_TARGT: "secret" });
    assert.equal(exitCode, 2);
    assert.equal(
      stderr,
      'taskiq paint: cannot start\n  --size must be a whole number from 1 to 9, got "x" (from the command line)\n' +
        "  unknown environment variable TASKIQ_TARGT, did you mean TASKIQ_TARGET?\nTry: taskiq paint --help\n",
    );
  });

  test("--print-config shows values and origins, and no secrets", async () => {
    const { exitCode, stdout, stderr, ran } = await run(["paint", "-s4", "--print-config", "--loud"], {
      TARGET: "x://u:pw@h/a b",
    });
    assert.deepEqual([exitCode, stderr, ran], [0, "taskiq paint: it will be loud\n", []]);
    assert.equal(
      stdout,
      "--size    4                (from the command line)\n" +
        '--target  "x://***@h/a b"  (from TARGET)\n' +
        "--loud    true             (from the command line)\n",
    );
  });
});

describe("running a command", () => {
  test("a command's exit code is the program's, and nothing else is printed", async () => {
    for (const code of [0, 1, 2, 3] as const) {
      const { exitCode, stdout, stderr } = await run(["paint"], {}, async () => code);
      assert.deepEqual([exitCode, stdout, stderr], [code, "", ""]);
    }
  });

  test("a command gets its configuration, and the warnings to log in its own way", async () => {
    const { ran } = await run(["paint", "--size", "5", "--loud"], { TASKIQ_NEVER_HEARD_OF: "1" });
    assert.deepEqual(ran, [
      { config: { size: 5 }, warnings: ["it will be loud", "unknown environment variable TASKIQ_NEVER_HEARD_OF"] },
    ]);
  });

  test("a health check does not warn of unknown variables", async () => {
    assert.deepEqual((await run(["probe"], { TASKIQ_NEVER_HEARD_OF: "1" })).ran[0]?.warnings, []);
  });

  test("a fault is printed with its cause and hint, without a trace, without secrets", async () => {
    const fail = () => {
      throw new Fault("TQ_QUEUE", "queue steps cannot be reached", {
        cause: new Error("connect x://u:pw@h"),
        hint: "Is it up?",
      });
    };
    const { exitCode, stderr } = await run(["paint"], {}, fail);
    assert.equal(stderr, "taskiq paint: queue steps cannot be reached: connect x://***@h (TQ_QUEUE)\n  Is it up?\n");
    assert.equal(exitCode, 3);
  });

  test("a permission that Deno was not given is printed as a fault, at loading and at running", async () => {
    const missed = () => {
      throw Object.assign(new Error("Requires sys access"), { name: "NotCapable" });
    };
    const listed: Listed = { name: "paint", summary: "", load: missed };
    const io = { stdout: new Captured(), stderr: new Captured(), env: {}, signals: new EventEmitter(), machine };
    const loading = { exitCode: await runProgram(["paint"], io, [listed]), stderr: io.stderr.text };
    for (const { exitCode, stderr } of [loading, await run(["paint"], {}, missed)]) {
      assert.equal(exitCode, 2);
      assert.match(stderr, /^taskiq paint: a permission is missing: Requires sys access \(TQ_CONFIG\)\n {2}The page/);
    }
  });

  test("any other exception is printed as a bug, with its trace", async () => {
    const { exitCode, stderr } = await run(["paint"], {}, () => {
      throw new TypeError("x is not a function");
    });
    assert.match(stderr, /^taskiq paint: bug in taskiq, please report it: TypeError: x is not a function\n {6}at /);
    assert.equal(exitCode, 1);
  });
});
