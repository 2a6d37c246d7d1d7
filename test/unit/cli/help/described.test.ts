// What the real commands say of themselves: help, manual page and completions.
import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { describe as suite, test } from "node:test";
import { commands } from "../../../../cli/commands.ts";
import { completion, shells } from "../../../../cli/help/completion.ts";
import { describe, describing, typed } from "../../../../cli/help/described.ts";
import { manual } from "../../../../cli/help/man.ts";
import { commandHelp, programHelp } from "../../../../cli/help/texts.ts";

const described = await describe(commands);

test("no line of any help is wider than 80 columns", () => {
  const texts = described.flatMap(({ command, summary }) =>
    [true, false].map((all) => commandHelp(command, summary, all)),
  );
  const lines = [...texts, programHelp(commands)].flatMap((text) => text.split("\n"));
  assert.deepEqual(
    lines.filter((line) => line.length > 80),
    [],
  );
});

test("the short help shows options that exist", () => {
  for (const { command } of described) {
    const flags = typed(command).map(({ flag }) => flag);
    assert.deepEqual(
      command.first.filter((flag) => !flags.includes(flag)),
      [],
      command.name,
    );
  }
});

test("the manual page has every command, option and exit code, and no request that text began by accident", () => {
  const page = manual(described, "1.2.3");
  for (const { command } of described) {
    for (const { flag } of Object.values(command.options)) assert.ok(page.includes(flag.replaceAll("-", "\\-")), flag);
  }
  const requests = page.split("\n").flatMap((line) => /^[.'](\w*)/.exec(line)?.[1] ?? []);
  assert.deepEqual(new Set(requests), new Set(["TH", "SH", "SS", "TP", "B", "PP", "nf", "fi"]));
});

suite("completions", () => {
  test("each shell's script names every command and every option", () => {
    for (const shell of shells) {
      const script = completion(shell, described);
      for (const { command } of described) {
        for (const { flag } of typed(command)) assert.ok(script.includes(flag.slice(2)), `${shell}: ${flag}`);
      }
      for (const { name } of describing) assert.ok(script.includes(name), `${shell}: ${name}`);
    }
  });

  test("no option's help text ends a quotation in a completion script", () => {
    // The zsh script keeps to syntax that bash reads as well.
    for (const shell of ["bash", "zsh"] as const) {
      execFileSync("bash", ["-n"], { input: completion(shell, described), stdio: ["pipe", "pipe", "pipe"] });
    }
  });

  /**
   * What a real bash offers behind these words; the last one is what has been typed of the next
   * word.
   */
  function offered(...words: readonly string[]): readonly string[] {
    const line = ["taskiq", ...words];
    const script = `${completion("bash", described)}
COMP_WORDS=(${line.map((word) => `'${word}'`).join(" ")})
COMP_CWORD=${line.length - 1}
_taskiq
printf '%s\\n' "\${COMPREPLY[@]}"`;
    const text = execFileSync("bash", ["-c", script], { encoding: "utf8", cwd: import.meta.dirname });
    return text.split("\n").filter((word) => word !== "");
  }

  test("bash offers commands, options, and the words that a value may be", () => {
    assert.deepEqual(offered("he"), ["healthcheck", "help"]);
    assert.deepEqual(offered("run", "--queue-"), ["--queue-url", "--queue-name"]);
    assert.deepEqual(offered("run", "--on-exhausted", ""), ["report", "park"]);
    assert.deepEqual(offered("help", "dr"), ["drain"]);
    assert.deepEqual(offered("completion", "z"), ["zsh"]);
  });

  test("bash offers files where a path is meant, and nothing where it cannot know", () => {
    assert.deepEqual(offered("run", "--dagster-home", "described"), ["described.test.ts"]);
    assert.deepEqual(offered("run", "--queue-name", ""), []);
  });
});
