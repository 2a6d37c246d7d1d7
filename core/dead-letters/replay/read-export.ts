// Reads a file that `exportText` wrote, whole or edited since.
import { createHash } from "node:crypto";
import * as v from "valibot";
import { parseJson } from "../../formats/json.ts";

export interface ReadExport {
  /** Bodies by the id of their message, in the file's order. */
  readonly bodies: ReadonlyMap<string, string>;
  /** Ids of those whose body is not the one that was exported. */
  readonly edited: readonly string[];
  /** The file as a whole is as it was written. */
  readonly intact: boolean;
}

const lineSchema = v.object({ message_id: v.string(), body: v.string(), body_sha256: v.string() });
const lastSchema = v.object({ taskiq_export: v.literal(1), count: v.number(), sha256: v.string() });

/** Returns the contents, or a sentence that says what is wrong. */
export function readExport(text: string): ReadExport | { readonly problem: string } {
  const lines = text.split("\n").filter((line) => line.trim() !== "");
  const last = v.safeParse(lastSchema, parseJson(lines.at(-1) ?? ""));
  if (!last.success) return { problem: "its last line is not that of an export: it was cut short, or is another file" };
  const bodies = new Map<string, string>();
  const edited: string[] = [];
  for (const [i, line] of lines.slice(0, -1).entries()) {
    const read = v.safeParse(lineSchema, parseJson(line));
    if (!read.success) return { problem: `line ${i + 1} is not an exported dead letter` };
    const { message_id: id, body, body_sha256: expected } = read.output;
    if (bodies.has(id)) return { problem: `line ${i + 1} names message ${id} a second time` };
    bodies.set(id, body);
    if (sha256(body) !== expected) edited.push(id);
  }
  const before = text.slice(0, text.trimEnd().lastIndexOf("\n") + 1);
  return { bodies, edited, intact: last.output.count === bodies.size && last.output.sha256 === sha256(before) };
}

function sha256(text: string): string {
  return createHash("sha256").update(text).digest("hex");
}
