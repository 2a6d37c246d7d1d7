// Dead letters as people read them: the table, the groups, and one letter with everything that is
// known of it. Pure.
import { errorText } from "../../core/dead-letters/filter.ts";
import type { LetterGroup } from "../../core/dead-letters/groups.ts";
import type { DeadLetter } from "../../core/dead-letters/letter.ts";
import { attributeNames } from "../../core/dead-letters/records.ts";
import type { Act, JoinedLetter } from "../../core/dead-letters/verdict.ts";
import { counted } from "../../core/formats/counted.ts";
import { span } from "../../core/formats/durations.ts";
import { printable, printableLine } from "../../core/formats/printable.ts";
import { shortened } from "../../core/formats/shortened.ts";
import type { StepId } from "../../core/step/step.ts";

import { type Column, type Paint, renderTable } from "../terminal/table.ts";
import type { Colours } from "./letter-colours.ts";

/** What a text is painted for: whether to act, and how. */
const DEEPEST_INDENTED = 50;
const LONGEST_FACT = 2_000;

export interface Page {
  /** Of the terminal; infinite elsewhere. */
  readonly width: number;
  readonly nowMs: number;
  readonly colours: Colours;
}

const LETTER_COLUMNS: readonly Column[] = [
  { title: "ID", least: 8, lines: 1 },
  { title: "RUN", least: 8, lines: 1, worth: 5 },
  { title: "JOB", least: 6, lines: 2, most: 80, worth: 4 },
  { title: "STEP", least: 10, lines: 3, most: 80 },
  { title: "REASON", least: 8, lines: 2, most: 80, worth: 6 },
  { title: "ERROR", least: 14, lines: 2, most: 160, worth: 7 },
  { title: "STARTS", least: 6, lines: 1, worth: 2 },
  { title: "WORKER", least: 8, lines: 2, most: 80, worth: 1 },
  { title: "AGE", least: 4, lines: 1, worth: 8 },
  { title: "EXPIRES", least: 7, lines: 1, worth: 3 },
  { title: "VERDICT", least: 16, lines: 6 },
];

export function letterTable(letters: readonly JoinedLetter[], page: Page): string {
  const acts = new Map(letters.map(({ verdict }) => [verdict.words, verdict.act]));
  const rows = letters.map((joined) => letterRow(joined, page.nowMs));
  return renderTable(
    LETTER_COLUMNS,
    rows,
    page.width,
    verdictPaint(
      rows.flatMap((row) => row.at(-1) ?? []),
      acts,
      page,
    ),
  );
}

const GROUP_COLUMNS: readonly Column[] = [
  { title: "COUNT", least: 5, lines: 1 },
  { title: "FINGERPRINT", least: 12, lines: 1 },
  { title: "REASON", least: 8, lines: 2, most: 80, worth: 3 },
  { title: "ERROR", least: 20, lines: 3, most: 160 },
  { title: "STEPS", least: 10, lines: 2, most: 160, worth: 2 },
  { title: "OLDEST", least: 6, lines: 1, worth: 4 },
  { title: "NEWEST", least: 6, lines: 1, worth: 1 },
  { title: "VERDICTS", least: 16, lines: 6 },
];

export function groupTable(groups: readonly LetterGroup[], { width, nowMs }: Page): string {
  const rows = groups.map((group) => [
    String(group.count),
    group.fingerprint,
    group.reason,
    errorText(group.errorClass, group.title),
    group.steps.join(", ") || "-",
    span(nowMs - group.oldestMs),
    span(nowMs - group.newestMs),
    Object.entries(group.verdicts)
      .map(([kind, count]) => `${count} ${kind}`)
      .join(", "),
  ]);
  return renderTable(GROUP_COLUMNS, rows, width);
}

/** Everything, with the traceback and the body. */
export function letterDetails(joined: JoinedLetter, { nowMs, colours }: Page): string {
  const { letter, row, standing, verdict } = joined;
  const { message, burial, step } = letter;
  const error = row?.outcome?.error ?? null;
  const facts: readonly (readonly [string, string | null])[] = [
    ["message", message.id],
    ["key", letter.key],
    ["run", step === null ? null : runText(joined)],
    ["step", step === null ? null : `${step.stepKey}, attempt ${step.attempt}`],
    ["reason", `${letter.reason}: ${letter.detail}`],
    ["fingerprint", letter.fingerprint],
    ["worker", burial === null ? null : `${burial.worker}, after ${counted(burial.starts, "start")}`],
    [burial === null ? "sent" : "dead since", `${instant(letter.sinceMs)}, ${span(nowMs - letter.sinceMs)} ago`],
    ["expires", letter.expiresAtMs === null ? null : expiryText(letter.expiresAtMs, nowMs)],
    ["received", `${counted(message.receiveCount, "time")}, this look included`],
    ["group", letter.groupId],
    ["came from", burial?.sourceUrl ?? message.movedFrom ?? null],
    [
      "ledger",
      row === null
        ? "no row known"
        : `${row.state}${row.outcome === null ? "" : ` (${row.outcome.state})`}, ${counted(row.starts, "start")}, last by ${row.owner}`,
    ],
    ["event log", standing === null ? "not known" : standingText(standing)],
    ["attributes", attributeNames(letter).join(", ") || null],
  ];
  const known = facts.flatMap(([name, value]) =>
    value === null ? [] : [`${name.padEnd(12)}${printableLine(shortened(value, LONGEST_FACT))}\n`],
  );
  const traceback = error === null ? "" : printable(`\n${error.class}: ${error.message}\n${error.traceback}\n`);
  return `${colours(verdict.act, printableLine(verdict.words))}\n${known.join("")}${traceback}\nbody\n${printable(bodyText(message.body))}\n`;
}

function letterRow({ letter, standing, verdict }: JoinedLetter, nowMs: number): readonly string[] {
  const { burial } = letter;
  const [id, run, step] = namesOf(letter);
  return [
    id,
    run,
    standing?.run?.job ?? "-",
    step,
    letter.reason,
    errorText(letter.errorClass, letter.detail),
    burial === null ? "-" : String(burial.starts),
    burial?.worker ?? "-",
    span(nowMs - letter.sinceMs),
    letter.expiresAtMs === null ? "-" : span(letter.expiresAtMs - nowMs),
    verdict.words,
  ];
}

/**
 * By which a letter is known in a table: the beginnings of its message's and its run's id, and its
 * step.
 */
export function namesOf({ message, step }: DeadLetter): readonly [id: string, run: string, step: string] {
  const id = message.id.slice(0, 8);
  return step === null ? [id, "-", "-"] : [id, step.runId.slice(0, 8), stepText(step)];
}

/** `load[part_3] #2`: the attempt counts from 0, which is left out. */
function stepText({ stepKey, attempt }: StepId): string {
  return `${stepKey}${attempt === 0 ? "" : ` #${attempt}`}`;
}

/**
 * A cell that wraps is painted line by line. A line belongs to the verdict whose words contain it.
 */
function verdictPaint(words: readonly string[], acts: ReadonlyMap<string, Act>, { colours }: Page): Paint {
  const all = [...new Set(words)];
  return (text, { title }) => {
    const part = text.trim();
    const act = title === "VERDICT" && part !== "" ? acts.get(all.find((one) => one.includes(part)) ?? "") : undefined;
    return act === undefined ? text : colours(act, text);
  };
}

function runText({ letter, standing }: JoinedLetter): string {
  const id = letter.step?.runId ?? "";
  if (standing === null) return id;
  return standing.run === null
    ? `${id}, which Dagster does not know`
    : `${id}, ${standing.run.status}, job ${standing.run.job}`;
}

function standingText({ ended, began }: NonNullable<JoinedLetter["standing"]>): string {
  if (ended !== null) return `attempt ended: ${ended}`;
  return began ? "attempt is open: it began" : "attempt is open: it never began";
}

function expiryText(atMs: number, nowMs: number): string {
  return atMs <= nowMs ? `${instant(atMs)}: any moment` : `${instant(atMs)}, in ${span(atMs - nowMs)}`;
}

function instant(ms: number): string {
  return new Date(ms).toISOString();
}

/**
 * Indented, unless that would be far more than the body itself: each level costs every line below
 * it two characters.
 */
function bodyText(body: string): string {
  if (isNested(body, DEEPEST_INDENTED)) return body;
  try {
    return JSON.stringify(JSON.parse(body), null, 2);
  } catch {
    return body;
  }
}

/** By its brackets, those within texts too: at worst a body is shown as it is. */
function isNested(body: string, levels: number): boolean {
  let depth = 0;
  for (const character of body) {
    if (character === "[" || character === "{") depth += 1;
    else if (character === "]" || character === "}") depth -= 1;
    if (depth > levels) return true;
  }
  return false;
}
