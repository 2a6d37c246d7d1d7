// The code location, by Dagster's own flags and variables (dagster_shared.cli), and the rules that
// Dagster has between them.
import { checkAlternatives } from "./alternatives.ts";
import { optional, repeated, type Values } from "./option.ts";
import { isGiven, originText, type Settings } from "./resolve.ts";
import { text } from "./values.ts";

const GROUP =
  "Code locations (as in Dagster's own commands; without one, what these find in pyproject.toml or workspace.yaml, else each run's record)";
const path = text("<path>", "a path");
const dottedName = text("<name>", "a dotted Python name", /^[\p{L}_][\p{L}\p{N}_]*(?:\.[\p{L}_][\p{L}\p{N}_]*)*$/u);

export const locationOptions = {
  moduleNames: repeated({
    flag: "--module-name",
    short: "-m",
    env: ["DAGSTER_MODULE_NAME"],
    separator: /\s+/,
    group: GROUP,
    help: "Python module to load definitions from. Can be repeated.",
    kind: dottedName,
  }),
  pythonFiles: repeated({
    flag: "--python-file",
    short: "-f",
    env: ["DAGSTER_PYTHON_FILE"],
    separator: ":",
    group: GROUP,
    help: "Python file to load definitions from. Can be repeated.",
    kind: path,
  }),
  packageNames: repeated({
    flag: "--package-name",
    env: ["DAGSTER_PACKAGE_NAME"],
    separator: /\s+/,
    group: GROUP,
    help: "Python package to load definitions from. Can be repeated.",
    kind: dottedName,
  }),
  workspaces: repeated({
    flag: "--workspace",
    short: "-w",
    env: ["TASKIQ_WORKSPACE"],
    separator: ":",
    group: GROUP,
    help: "Workspace file that names the code locations. Can be repeated.",
    kind: path,
  }),
  workingDirectory: optional({
    flag: "--working-directory",
    short: "-d",
    env: ["DAGSTER_WORKING_DIRECTORY"],
    group: GROUP,
    help: "Directory to load the module, file or package from.",
    kind: path,
  }),
  attribute: optional({
    flag: "--attribute",
    short: "-a",
    env: ["DAGSTER_ATTRIBUTE"],
    group: GROUP,
    help: "Name of the definitions, repository or job in the module, file or package, or of a function that returns it.",
    kind: text("<name>", "the name of an attribute", /^[\p{L}_][\p{L}\p{N}_]*$/u),
  }),
};

type LocationSettings = Settings<typeof locationOptions>;

export function locationRules(settings: LocationSettings) {
  const { moduleNames, pythonFiles, packageNames, workspaces, workingDirectory, attribute } = settings;
  const found = checkAlternatives([moduleNames, pythonFiles, packageNames, workspaces]);
  const problems = [...found.problems];
  const target = found.chosen;
  for (const detail of [workingDirectory, attribute]) {
    if (!isGiven(detail) || (target !== null && target !== workspaces)) continue;
    problems.push(
      `${detail.option.flag} (${originText(detail.origin)}) needs --module-name, --python-file or --package-name`,
    );
  }
  if (isGiven(attribute) && target !== null && target !== workspaces && target.texts.length > 1) {
    problems.push(`--attribute needs exactly one ${target.option.flag}, got ${target.texts.length}`);
  }
  return { problems, warnings: found.warnings };
}

/**
 * Returns the flags that count as Dagster's own commands take them, with every default and origin
 * settled.
 */
export function locationArgs(values: Values<typeof locationOptions>, settings: LocationSettings): readonly string[] {
  const { moduleNames, pythonFiles, packageNames, workspaces } = settings;
  const target = checkAlternatives([moduleNames, pythonFiles, packageNames, workspaces]).chosen;
  if (target === null) return [];
  return [
    ...target.texts.flatMap((given) => [target.option.flag, given]),
    ...(values.workingDirectory === null ? [] : ["--working-directory", values.workingDirectory]),
    ...(values.attribute === null ? [] : ["--attribute", values.attribute]),
  ];
}
