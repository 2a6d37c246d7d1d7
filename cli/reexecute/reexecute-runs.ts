// `taskiq reexecute` as an operator sees it: each run, and whether Dagster re-executes it.
import {
  planReexecution,
  type ReexecutionEnd,
  type ReexecutionPlan,
  type ReexecutionPorts,
  reexecute,
  reexecutionWords,
  runsOf,
} from "../../core/dead-letters/replay/reexecution.ts";
import type { JoinedLetter } from "../../core/dead-letters/verdict.ts";
import { printableJson } from "../../core/formats/printable.ts";
import type { Io } from "../command.ts";
import { type ExitCode, exitCodes } from "../exit-codes.ts";
import { type Column, renderTable } from "../terminal/table.ts";
import { widthOf } from "../terminal/terminal.ts";

export interface Reexecutions {
  readonly code: ExitCode;
  /** Letters of runs that have their re-execution, which makes the letters useless. */
  readonly spent: readonly JoinedLetter[];
}

const COLUMNS: readonly Column[] = [
  { title: "RUN", least: 8, lines: 1 },
  { title: "JOB", least: 6, lines: 2, worth: 1 },
  { title: "LETTERS", least: 7, lines: 1, worth: 2 },
  { title: "RE-EXECUTION", least: 20, lines: 6 },
];

/**
 * Launches nothing without `act`. Prints what was launched even when it rejects with a `Fault`
 * because Dagster stops answering.
 */
export async function reexecuteRuns(
  letters: readonly JoinedLetter[],
  { act, json }: { readonly act: boolean; readonly json: boolean },
  ports: ReexecutionPorts,
  io: Pick<Io, "stdout" | "env">,
): Promise<Reexecutions> {
  const rows: Row[] = [];
  try {
    for (const [runId, members] of runsOf(letters.filter(({ verdict }) => verdict.act === "reexecute"))) {
      const found = act ? await reexecute(runId, ports) : await planReexecution(runId, ports);
      rows.push({ runId, members, found });
    }
  } finally {
    io.stdout.write(json ? rows.map(jsonLine).join("") : tableOf(rows, io));
  }
  const good = rows.every(({ found }) => GOOD.includes(found.kind));
  const spent = rows.filter(({ found }) => found.kind === "launched" || found.kind === "already");
  return { code: good ? exitCodes.done : exitCodes.no, spent: spent.flatMap(({ members }) => members) };
}

interface Row {
  readonly runId: string;
  readonly members: readonly JoinedLetter[];
  readonly found: ReexecutionPlan | ReexecutionEnd;
}

const GOOD: readonly Row["found"]["kind"][] = ["to_launch", "launched", "already", "succeeded"];

function jsonLine({ runId, members, found }: Row): string {
  const run = "run" in found ? { reexecution: found.run.runId } : {};
  const letters = members.map(({ letter }) => letter.message.id);
  return `${printableJson({ run_id: runId, letters, kind: found.kind, ...run, words: reexecutionWords(found) })}\n`;
}

function tableOf(rows: readonly Row[], { stdout, env }: Pick<Io, "stdout" | "env">): string {
  if (rows.length === 0) return "";
  const cells = rows.map(({ runId, members, found }) => [
    runId,
    members[0]?.standing?.run?.job ?? "-",
    String(members.length),
    reexecutionWords(found),
  ]);
  return renderTable(COLUMNS, cells, widthOf(stdout, env));
}
