// The tables of docs/events.md. Pure.
import { type EventTable, ofDelivery } from "../../core/events/entry.ts";

/** A heading and a table for each group. */
export function eventTables(groups: Readonly<Record<string, EventTable>>): string {
  return Object.entries(groups).map(section).join("\n\n");
}

/** Every field, in the log's own spelling. */
export function fieldTable(words: ReadonlyMap<string, string>): string {
  const rows = [...words].map(([name, means]) => `| ${code(snake(name))} | ${means} |`);
  return ["| field | means |", "|---|---|", ...rows].join("\n");
}

function section([title, table]: readonly [string, EventTable]): string {
  const rows = Object.entries(table).map(([event, { levels, fields, means, act }]) => {
    return `| ${code(event)} | ${levels.join(", ")} | ${means} | ${act ?? "nothing"} | ${fieldNames(fields).join(", ")} |`;
  });
  const head = ["| event | level | means | what you can do | fields |", "|---|---|---|---|---|"];
  return [`## ${title}`, "", ...head, ...rows].join("\n");
}

/** The fields of a delivery stand together under one name. */
function fieldNames(fields: EventTable[string]["fields"]): readonly string[] {
  const shared = Object.keys(ofDelivery);
  const isOfDelivery = shared.every((name) => name in fields);
  const own = Object.keys(fields).filter((name) => !isOfDelivery || !shared.includes(name));
  return [...(isOfDelivery ? ["*delivery*"] : []), ...own.map((name) => code(snake(name.replace("?", ""))))];
}

function code(text: string): string {
  return `\`${text}\``;
}

function snake(name: string): string {
  return name.replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`);
}
