// Which stages the arguments of `npm test` ask for.
import { nodeTests } from "./node-tests.ts";
import { pytest } from "./pytest.ts";
import type { Stage } from "./stages.ts";

export type Selection =
  | { readonly kind: "stages"; readonly stages: readonly Stage[] }
  | { readonly kind: "unknown"; readonly message: string };

/**
 * No argument: all of them. Else each is a stage, the beginning of stage names up to a dash
 * (`python`), `quick`, or a test file. The order stays that of the table.
 */
export function select(args: readonly string[], stages: readonly Stage[]): Selection {
  if (args.length === 0) return { kind: "stages", stages };
  const files = args.filter(isTestFile);
  const words = args.filter((arg) => !isTestFile(arg));
  const unknown = words.find((word) => !stages.some((stage) => answersTo(stage, word)));
  if (unknown !== undefined) return { kind: "unknown", message: complaint(unknown, stages) };
  const named = stages.filter((stage) => words.some((word) => answersTo(stage, word)));
  return { kind: "stages", stages: [...named, ...stagesFor(files)] };
}

function isTestFile(arg: string): boolean {
  return arg.endsWith(".test.ts") || arg.endsWith(".py") || arg.includes(".py::");
}

function answersTo(stage: Stage, word: string): boolean {
  return word === "quick" ? stage.quick : stage.name === word || stage.name.startsWith(`${word}-`);
}

function complaint(word: string, stages: readonly Stage[]): string {
  const names = stages.map((stage) => stage.name).join(", ");
  return `expected a stage (${names}), quick, or a test file (….test.ts, ….py), got "${word}"`;
}

function stagesFor(files: readonly string[]): Stage[] {
  const base = { what: "the files named", quick: false, needs: [] };
  const ours = files.filter((file) => file.endsWith(".ts"));
  const theirs = files.filter((file) => !file.endsWith(".ts"));
  const run = nodeTests({ files: ours, concurrency: 2, timeoutMs: 300_000 });
  return [
    ...(ours.length > 0 ? [{ ...base, name: "node files", run }] : []),
    ...(theirs.length > 0 ? [{ ...base, name: "python files", run: pytest(theirs) }] : []),
  ];
}
