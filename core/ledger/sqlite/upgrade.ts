// What `taskiq migrate` does with a ledger in a SQLite file. Opening the file migrates it anyway;
// this also only looks.
import { existsSync } from "node:fs";
import { DatabaseSync } from "node:sqlite";
import type { Clock } from "../../clock.ts";
import type { LedgerSchema, Migration } from "../schema.ts";
import { sqliteFault } from "./faults.ts";
import { openDatabase } from "./open.ts";
import { migrations, pendingIn } from "./schema.ts";

const BUSY_MS = 10_000;

export function sqliteSchema(path: string, clock: Pick<Clock, "wallMs">): LedgerSchema {
  const pending = async () => look(path);
  const migrate = async () => {
    const applied = await pending();
    openDatabase(path, BUSY_MS, clock.wallMs()).close();
    return applied;
  };
  return { name: path, pending, migrate, close: async () => undefined };
}

/** Makes no file where there is none. */
function look(path: string): readonly Migration[] {
  if (!existsSync(path)) return migrations;
  let db: DatabaseSync | undefined;
  try {
    db = new DatabaseSync(path, { readOnly: true });
    return pendingIn(db, path);
  } catch (error) {
    throw sqliteFault(path, error);
  } finally {
    db?.close();
  }
}
