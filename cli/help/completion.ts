// Completion scripts, written from the tables of options. They are static: a shell starts no
// program at TAB. Pure.
import type { Option } from "../options/option.ts";
import { type Described, describing, gist, takesFile, typed, wordsOf } from "./described.ts";

export const shells = ["bash", "zsh", "fish", "powershell"] as const;
export type Shell = (typeof shells)[number];

export function isShell(word: string | undefined): word is Shell {
  return shells.some((shell) => shell === word);
}

export function completion(shell: Shell, commands: readonly Described[]): string {
  const words = [...commands.map(wordOf), ...describing.map(({ name, summary }) => ({ name, summary }))];
  switch (shell) {
    case "bash":
      return bash(commands, words);
    case "zsh":
      return zsh(commands, words);
    case "fish":
      return fish(commands, words);
    case "powershell":
      return powershell(commands, words);
  }
}

interface Word {
  readonly name: string;
  readonly summary: string;
}

/** Understood by every command. */
const EVERYWHERE: readonly Word[] = [
  { name: "--help", summary: "Show the help" },
  { name: "--print-config", summary: "Show every option's value and where it comes from" },
];

function wordOf({ command, summary }: Described): Word {
  return { name: command.name, summary };
}

function namesOf(words: readonly Word[]): string {
  return words.map(({ name }) => name).join(" ");
}

/** Flags of a command with what their values may be, for a `case`. */
function valueRows({ command }: Described, row: (pattern: string, option: Option<unknown>) => string): string[] {
  return typed(command)
    .filter(({ placeholder }) => placeholder !== null)
    .map((option) => {
      const flags = option.short === null ? [option.flag] : [option.flag, option.short];
      return row(flags.map((flag) => `"${command.name} ${flag}"`).join(" | "), option);
    });
}

function bash(commands: readonly Described[], words: readonly Word[]): string {
  const values = commands.flatMap((described) =>
    valueRows(described, (pattern, option) => {
      const offered = takesFile(option) ? "-f" : `-W "${wordsOf(option).join(" ")}"`;
      return `    ${pattern}) COMPREPLY=($(compgen ${offered} -- "$cur")); return ;;`;
    }),
  );
  const flags = commands.map(({ command }) => {
    const own = [...typed(command).map(({ flag }) => flag), ...EVERYWHERE.map(({ name }) => name)].join(" ");
    return `    ${command.name}) COMPREPLY=($(compgen -W "${own}" -- "$cur")) ;;`;
  });
  return `# Completion of taskiq for bash: source <(taskiq completion bash)
_taskiq() {
  local cur=\${COMP_WORDS[COMP_CWORD]} prev=\${COMP_WORDS[COMP_CWORD - 1]} command=\${COMP_WORDS[1]}
  COMPREPLY=()
  if [ "$COMP_CWORD" -eq 1 ]; then
    COMPREPLY=($(compgen -W "${namesOf(words)} --help --version" -- "$cur"))
    return
  fi
  case "$command $prev" in
${values.join("\n")}
  esac
  case "$command" in
${flags.join("\n")}
    help) COMPREPLY=($(compgen -W "${commands.map(({ command }) => command.name).join(" ")}" -- "$cur")) ;;
    completion) COMPREPLY=($(compgen -W "${shells.join(" ")}" -- "$cur")) ;;
  esac
}
complete -F _taskiq taskiq
`;
}

function zsh(commands: readonly Described[], words: readonly Word[]): string {
  const quoted = (text: string) => text.replaceAll(/[[\]:\\]/g, "\\$&").replaceAll("'", "'\\''");
  const value = (option: Option<unknown>) => {
    if (option.placeholder === null) return "";
    const offered = takesFile(option) ? "_files" : `(${wordsOf(option).join(" ")})`;
    return `:${quoted(option.placeholder.slice(1, -1))}:${offered}`;
  };
  const spec = (flag: string, option: Option<unknown>) => `'*${flag}[${quoted(gist(option))}]${value(option)}'`;
  const cases = commands.map(({ command }) => {
    const own = typed(command).flatMap((option) =>
      [option.flag, option.short].filter((flag) => flag !== null).map((flag) => spec(flag, option)),
    );
    const always = EVERYWHERE.map(({ name, summary }) => `'${name}[${quoted(summary)}]'`);
    return `    ${command.name}) _arguments -s ${[...own, ...always].join(" \\\n      ")} ;;`;
  });
  return `#compdef taskiq
# Completion of taskiq for zsh: taskiq completion zsh > a file called _taskiq in a directory of $fpath
_taskiq() {
  if (( CURRENT == 2 )); then
    local -a words_of=(
${words.map(({ name, summary }) => `      '${name}:${quoted(summary)}'`).join("\n")}
    )
    _describe 'command' words_of
    return
  fi
  local command=$words[2]
  shift words
  (( CURRENT -= 1 ))
  case $command in
${cases.join("\n")}
    help) _arguments '1:command:(${commands.map(({ command }) => command.name).join(" ")})' ;;
    completion) _arguments '1:shell:(${shells.join(" ")})' ;;
  esac
}
if [ "$funcstack[1]" = "_taskiq" ]; then
  _taskiq "$@"
else
  compdef _taskiq taskiq
fi
`;
}

function fish(commands: readonly Described[], words: readonly Word[]): string {
  const quoted = (text: string) => `'${text.replaceAll("\\", "\\\\").replaceAll("'", "\\'")}'`;
  const first = words.map(
    ({ name, summary }) => `complete -c taskiq -n __fish_use_subcommand -a ${name} -d ${quoted(summary)}`,
  );
  const value = (option: Option<unknown>) => {
    if (option.placeholder === null) return "";
    return takesFile(option) ? " -r -F" : ` -x -a ${quoted(wordsOf(option).join(" "))}`;
  };
  const flags = commands.flatMap(({ command }) => {
    const when = `complete -c taskiq -n '__fish_seen_subcommand_from ${command.name}'`;
    const own = typed(command).map((option) => {
      const short = option.short === null ? "" : ` -s ${option.short.slice(1)}`;
      return `${when}${short} -l ${option.flag.slice(2)}${value(option)} -d ${quoted(gist(option))}`;
    });
    const always = EVERYWHERE.map(({ name, summary }) => `${when} -l ${name.slice(2)} -d ${quoted(summary)}`);
    return [...own, ...always];
  });
  const names = commands.map(({ command }) => command.name).join(" ");
  return `# Completion of taskiq for fish: taskiq completion fish > ~/.config/fish/completions/taskiq.fish
complete -c taskiq -f
${[...first, ...flags].join("\n")}
complete -c taskiq -n '__fish_seen_subcommand_from help' -a '${names}'
complete -c taskiq -n '__fish_seen_subcommand_from completion' -a '${shells.join(" ")}'
`;
}

function powershell(commands: readonly Described[], words: readonly Word[]): string {
  const quoted = (text: string) => `'${text.replaceAll("'", "''")}'`;
  const list = (texts: readonly string[]) => texts.map(quoted).join(", ");
  const flags = commands.map(({ command }) => {
    const own = [...typed(command).map(({ flag }) => flag), ...EVERYWHERE.map(({ name }) => name)];
    return `    ${quoted(command.name)} = @(${list(own)})`;
  });
  const values = commands.flatMap(({ command }) =>
    typed(command)
      .filter((option) => wordsOf(option).length > 0)
      .map((option) => `    ${quoted(`${command.name} ${option.flag}`)} = @(${list(wordsOf(option))})`),
  );
  return `# Completion of taskiq for PowerShell: taskiq completion powershell | Out-String | Invoke-Expression
Register-ArgumentCompleter -Native -CommandName taskiq -ScriptBlock {
  param($wordToComplete, $commandAst, $cursorPosition)
  $flags = @{
${flags.join("\n")}
    'help' = @(${list(commands.map(({ command }) => command.name))})
    'completion' = @(${list(shells)})
  }
  $values = @{
${values.join("\n")}
  }
  $typed = @($commandAst.CommandElements | ForEach-Object { $_.ToString() })
  if ($wordToComplete -ne '') { $typed = @($typed | Select-Object -SkipLast 1) }
  if ($typed.Count -le 1) { $offered = @(${list(words.map(({ name }) => name))}) }
  elseif ($values.ContainsKey("$($typed[1]) $($typed[-1])")) { $offered = $values["$($typed[1]) $($typed[-1])"] }
  else { $offered = $flags[$typed[1]] }
  $offered | Where-Object { $_ -like "$wordToComplete*" } | ForEach-Object {
    [System.Management.Automation.CompletionResult]::new($_, $_, 'ParameterValue', $_)
  }
}
`;
}
