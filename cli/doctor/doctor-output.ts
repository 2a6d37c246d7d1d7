// How `taskiq doctor` shows what it found: for people in 80 columns, for scripts as one JSON
// object.
import { styleText } from "node:util";
import { printableJson } from "../../core/formats/printable.ts";
import { redact } from "../options/redact.ts";
import { originText, type Setting } from "../options/resolve.ts";
import { type Column, type Paint, renderTable } from "../terminal/table.ts";
import { version } from "../version.ts";
import type { Finding, Level } from "./check.ts";

const COLUMNS: readonly Column[] = [
  { title: "", least: 4, lines: 1 },
  { title: "CHECK", least: 15, lines: 2 },
  { title: "FOUND", least: 30, lines: 60, most: 2_000 },
];
const SETTING_COLUMNS: readonly Column[] = [
  { title: "OPTION", least: 20, lines: 2 },
  { title: "VALUE", least: 20, lines: 20, most: 1_000 },
  { title: "FROM", least: 20, lines: 2 },
];

const COLOURS = { ok: "green", warn: "yellow", fail: "red" } as const satisfies Record<Level, string>;

export function textOf(
  findings: readonly Finding[],
  settings: readonly Setting[],
  width: number,
  isColoured: boolean,
): string {
  const rows = findings.flatMap(({ level, check, found, todo }) => [
    [level, check, found],
    ...(todo === null ? [] : [["", "", `→ ${todo}`]]),
  ]);
  const given = settings.filter(({ origin: { from } }) => from === "flag" || from === "env");
  const named = given.map((setting) => [setting.option.flag, shownOf(setting), originText(setting.origin)]);
  const count = (level: Level) => findings.filter((finding) => finding.level === level).length;
  const paint: Paint = (text, { title }) => {
    const level = text.trim();
    return isColoured && title === "" && isLevel(level)
      ? styleText(COLOURS[level], text, { validateStream: false })
      : text;
  };
  return [
    renderTable(SETTING_COLUMNS, named, width),
    "Every other option has its default (taskiq run --print-config).\n\n",
    renderTable(COLUMNS, rows, width, paint),
    `\n${count("ok")} ok, ${count("warn")} warn, ${count("fail")} fail\n`,
  ].join("");
}

function isLevel(text: string): text is Level {
  return Object.hasOwn(COLOURS, text);
}

export function jsonOf(findings: readonly Finding[], settings: readonly Setting[]): string {
  const configuration = settings.map((setting) => ({
    option: setting.option.flag,
    value: setting.texts.length === 0 ? null : shownOf(setting),
    from: setting.origin.from === "env" ? setting.origin.name : setting.origin.from,
  }));
  const isWell = !findings.some(({ level }) => level === "fail");
  return `${printableJson({ ok: isWell, version, checks: findings, configuration })}\n`;
}

function shownOf({ option, texts }: Setting): string {
  const counted = option.repeats ? texts : texts.slice(-1);
  return counted.map((text) => (option.secret ? "***" : redact(text))).join(" ");
}
