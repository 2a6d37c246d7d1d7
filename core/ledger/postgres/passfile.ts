// A password file in libpq's format, read at each connection: a password that is replaced there
// needs no restart. https://www.postgresql.org/docs/current/libpq-pgpass.html
import { readFile } from "node:fs/promises";

export interface Login {
  readonly host: string;
  readonly port: number;
  readonly database: string;
  readonly user: string;
}

/** How `faults.ts` knows that the file gives no password. */
export const PASSFILE_CODE = "TQ_PASSFILE";

/** Rejects when the file cannot be read, or has no line for this login. */
export async function passwordFrom(path: string, login: Login): Promise<string> {
  const password = passwordIn(await textOf(path), login);
  if (password !== null) return password;
  throw Object.assign(new Error(`${path} has no line for this host, port, database and user`), { code: PASSFILE_CODE });
}

/** Returns the password of the first line that matches. `null` means that none does. */
export function passwordIn(text: string, { host, port, database, user }: Login): string | null {
  const wanted = [host, String(port), database, user];
  for (const line of text.split(/\r?\n/)) {
    if (line.startsWith("#")) continue;
    const [password, ...fields] = fieldsOf(line).toReversed();
    const matches = (field: string, i: number) => field === "*" || unescaped(field) === wanted[3 - i];
    if (password !== undefined && fields.length === wanted.length && fields.every(matches)) return unescaped(password);
  }
  return null;
}

/** A colon and a backslash within a field have a backslash before them. */
function fieldsOf(line: string): readonly string[] {
  return line.match(/(?:^|:)(?:\\.|[^\\:])*/g)?.map((field, i) => (i === 0 ? field : field.slice(1))) ?? [];
}

function unescaped(field: string): string {
  return field.replace(/\\(.)/g, "$1");
}

async function textOf(path: string): Promise<string> {
  try {
    return await readFile(path, "utf8");
  } catch (cause) {
    const why = cause instanceof Error ? cause.message : String(cause);
    throw Object.assign(new Error(why, { cause }), { code: PASSFILE_CODE });
  }
}
