// No secret leaves the process in a message.
import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { quoteRedacted, redact } from "../../../../cli/options/redact.ts";

const rows: readonly [string, string][] = [
  ["postgres://user:secret@db:5432/taskiq", "postgres://***@db:5432/taskiq"],
  ["postgres://user:p@ss/w:rd@db/taskiq", "postgres://***@db/taskiq"],
  ["https://token@host/q", "https://***@host/q"],
  ["postgres://db/x?user=u&password=secret&sslmode=require", "postgres://db/x?user=u&password=***&sslmode=require"],
  ["host=db password=secret user=u", "host=db password=*** user=u"],
  ["https://sqs.eu-west-1.amazonaws.com/1/q", "https://sqs.eu-west-1.amazonaws.com/1/q"],
  [
    "https://h/?X-Amz-Security-Token=abc&X-Amz-Signature=def",
    "https://h/?X-Amz-Security-Token=***&X-Amz-Signature=***",
  ],
  ["sqlite:/var/lib/taskiq.sqlite", "sqlite:/var/lib/taskiq.sqlite"],
];

for (const [given, shown] of rows) test(`${given} is shown as ${shown}`, () => assert.equal(redact(given), shown));

test("a quoted value shows blanks and line ends", () => assert.equal(quoteRedacted(" a\nb"), '" a\\nb"'));

test("no password in a URL is shown, whatever its characters", () => {
  const password = fc.stringMatching(/^[!-~]{6,20}$/).map((text) => `PW${text}`);
  fc.assert(
    fc.property(password, (secret) => {
      const shown = redact(`postgres://user:${secret}@db/taskiq`);
      assert.equal(shown, "postgres://***@db/taskiq");
    }),
  );
});
