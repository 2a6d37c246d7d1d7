// What `taskiq inspect-dlq` prints or writes: data on stdout or into a file, with what it says of
// it.
import { writeFile } from "node:fs/promises";
import { groupLetters } from "../../core/dead-letters/groups.ts";
import { exportText, groupRecord, letterRecord } from "../../core/dead-letters/records.ts";
import type { JoinedLetter } from "../../core/dead-letters/verdict.ts";
import { Fault } from "../../core/faults.ts";
import { counted } from "../../core/formats/counted.ts";
import { printableJson } from "../../core/formats/printable.ts";
import type { Io } from "../command.ts";
import { coloursOf } from "../operator/letter-colours.ts";
import { groupTable, letterDetails, letterTable, type Page } from "../operator/letter-texts.ts";
import type { Say } from "../terminal/say.ts";
import { widthOf } from "../terminal/terminal.ts";
import type { InspectConfig } from "./inspect-dlq-config.ts";

export async function showLetters(
  output: InspectConfig["output"],
  letters: readonly JoinedLetter[],
  nowMs: number,
  { stdout, env }: Pick<Io, "stdout" | "env">,
  say: Say,
): Promise<void> {
  if (output.to === "file") return await writeExport(output.path, letters, say);
  const page = { width: widthOf(stdout, env), nowMs, colours: coloursOf(stdout, env) };
  stdout.write(output.json ? jsonText(output.to, letters) : pageText(output.to, letters, page));
}

type Shown = Exclude<InspectConfig["output"]["to"], "file">;

function jsonText(what: Shown, letters: readonly JoinedLetter[]): string {
  return records(what, letters)
    .map((record) => `${printableJson(record)}\n`)
    .join("");
}

function records(what: Shown, letters: readonly JoinedLetter[]): readonly object[] {
  switch (what) {
    case "list":
      return letters.map(letterRecord);
    case "groups":
      return groupLetters(letters).map(groupRecord);
    case "details":
      return letters.map((joined) => ({ ...letterRecord(joined), body: joined.letter.message.body }));
  }
}

function pageText(what: Shown, letters: readonly JoinedLetter[], page: Page): string {
  if (letters.length === 0) return "";
  switch (what) {
    case "list":
      return letterTable(letters, page);
    case "groups":
      return groupTable(groupLetters(letters), page);
    case "details":
      return letters.map((joined) => letterDetails(joined, page)).join("\n");
  }
}

/** Never over a file that is there: it may be the only copy of what was purged since. */
async function writeExport(path: string, letters: readonly JoinedLetter[], say: Say): Promise<void> {
  try {
    await writeFile(path, exportText(letters), { flag: "wx", mode: 0o600 });
  } catch (error) {
    throw cannotWrite(path, error);
  }
  say(`wrote ${counted(letters.length, "dead letter")} to ${path}`);
}

function cannotWrite(path: string, cause: unknown): Fault {
  return new Fault("TQ_CONFIG", `--export: cannot write ${path}`, { cause });
}
