// `taskiq fail` as an operator sees it: each letter, and what becomes of its open attempt.

import {
  type FailEnd,
  type FailOrder,
  type FailPorts,
  failLetters,
  mayFail,
} from "../../core/dead-letters/replay/fail.ts";
import type { JoinedLetter } from "../../core/dead-letters/verdict.ts";
import type { Stopping } from "../../core/delivery/effects/ports.ts";
import { printableJson } from "../../core/formats/printable.ts";
import type { Io } from "../command.ts";
import { type ExitCode, exitCodes } from "../exit-codes.ts";
import { namesOf } from "../operator/letter-texts.ts";
import { type Column, renderTable } from "../terminal/table.ts";
import { widthOf } from "../terminal/terminal.ts";

const COLUMNS: readonly Column[] = [
  { title: "ID", least: 8, lines: 1 },
  { title: "RUN", least: 8, lines: 1, worth: 2 },
  { title: "STEP", least: 10, lines: 3 },
  { title: "VERDICT", least: 16, lines: 6, worth: 1 },
  { title: "FAILURE", least: 20, lines: 6 },
];

const WORDS: Readonly<Record<FailEnd | "to_fail" | "not_open", string>> = {
  to_fail: "to be recorded in Dagster",
  not_open: "not failed: only an open attempt of a run that waits can be",
  failed: "recorded in Dagster",
  ended: "not recorded: the attempt has ended meanwhile",
  in_hand: "not recorded: a worker holds it",
  changed: "not recorded: it changed since the look; look again",
  not_done: "could not be recorded; run this again",
  not_found: "not recorded: it cannot be seen in the queue now; run this again in two minutes",
};

/** Changes nothing when `ports` is null. */
export async function failOpen(
  letters: readonly JoinedLetter[],
  order: FailOrder,
  ports: FailPorts | null,
  stopping: Stopping,
  { json, stdout, env }: Pick<Io, "stdout" | "env"> & { readonly json: boolean },
): Promise<ExitCode> {
  const open = letters.filter(mayFail);
  const ends = ports === null ? null : await failLetters(open, order, ports, stopping);
  const rows = letters.map((joined) => {
    const end = ends === null ? "to_fail" : (ends.get(joined.letter.message.id) ?? "not_found");
    return { joined, end: mayFail(joined) ? end : "not_open" } as const;
  });
  stdout.write(json ? rows.map(jsonLine).join("") : tableOf(rows, widthOf(stdout, env)));
  return rows.every(({ end }) => end === "failed" || end === "to_fail") ? exitCodes.done : exitCodes.no;
}

interface Row {
  readonly joined: JoinedLetter;
  readonly end: keyof typeof WORDS;
}

function jsonLine({ joined: { letter }, end }: Row): string {
  return `${printableJson({ message_id: letter.message.id, key: letter.key, kind: end, words: WORDS[end] })}\n`;
}

function tableOf(rows: readonly Row[], width: number): string {
  if (rows.length === 0) return "";
  const cells = rows.map(({ joined: { letter, verdict }, end }) => [...namesOf(letter), verdict.words, WORDS[end]]);
  return renderTable(COLUMNS, cells, width);
}
