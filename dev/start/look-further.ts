// What to type next, with this demo's own paths.
import { ledgerPath } from "./ledger-file.ts";
import { strong } from "./screen.ts";

export function lookFurther(home: string, { keep }: { readonly keep: boolean }): string {
  const commands: readonly (readonly [command: string, what: string])[] = [
    [`cat ${home}/weather.md`, "what the run published"],
    [`less ${home}/worker.log`, "what the worker said"],
    [`sqlite3 ${ledgerPath(home)} .dump`, "the ledger"],
    ...(keep ? [] : [["npm start -- --keep", "the Dagster UI beside it"] as const]),
  ];
  const width = Math.max(...commands.map(([command]) => command.length));
  const lines = commands.map(([command, what]) => `  ${command.padEnd(width)}  ${what}`);
  return `\n${strong("bold", "To look further")}\n${lines.join("\n")}`;
}
