// Lines of a password file, as libpq reads them.
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { passwordIn } from "../../../core/ledger/postgres/passfile.ts";

const login = { host: "db.internal", port: 5432, database: "taskiq", user: "worker" };

describe("a password file", () => {
  const rows: readonly [string, string, string | null][] = [
    ["has a line for the login", "db.internal:5432:taskiq:worker:secret", "secret"],
    ["has a line for any login", "*:*:*:*:secret", "secret"],
    ["has several: the first one counts", "*:*:other:*:no\ndb.internal:*:*:worker:yes\n*:*:*:*:no\n", "yes"],
    ["has comments, empty lines and Windows' line ends", "# *:*:*:*:no\r\n\r\n*:*:*:*:yes\r\n", "yes"],
    ["has a password with colons and backslashes", "*:*:*:*:a\\:b\\\\c", "a:b\\c"],
    ["has an IPv6 address for a host", "\\:\\:1:*:*:*:no\n*:*:*:*:yes", "yes"],
    ["has an empty password", "*:*:*:*:", ""],
    ["has lines for others only", "db.internal:5433:taskiq:worker:no\ndb.internal:5432:taskiq:owner:no", null],
    ["has lines of too few or too many fields", "*:*:*:secret\n*:*:*:*:a:b", null],
    ["is empty", "", null],
  ];
  for (const [what, text, password] of rows)
    test(`a password file gives ${password === null ? "no password" : "the password"} when it ${what}`, () =>
      assert.equal(passwordIn(text, login), password));
});
