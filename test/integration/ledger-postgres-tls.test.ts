// TLS to the ledger's database, as sslmode and sslrootcert ask for it.
import assert from "node:assert/strict";
import { test } from "node:test";
import { fileURLToPath } from "node:url";
import type { PostgresTarget } from "../../core/ledger/postgres/open.ts";
import { claimed } from "../contract/ledger-setup.ts";
import { ledgerDatabases } from "../support/ledger/ledger-database.ts";
import { startTlsFront } from "../support/sqs/tls-front.ts";

const databases = await ledgerDatabases();
const caFile = fileURLToPath(new URL("../../fixtures/tls/authority.pem", import.meta.url));

const fine: readonly (readonly [string, Partial<PostgresTarget>])[] = [
  ["prefer checks nothing", { sslMode: "prefer", host: "127.0.0.1" }],
  ["require checks nothing, without an authority", { sslMode: "require", host: "127.0.0.1" }],
  ["require checks who signed it, with one", { sslMode: "require", host: "127.0.0.1", caFile }],
  ["verify-ca checks who signed it, not whose it is", { sslMode: "verify-ca", host: "127.0.0.1", caFile }],
  ["verify-full checks both", { sslMode: "verify-full", host: "localhost", caFile }],
];

for (const [title, target] of fine) {
  test(`a server with TLS: ${title}`, async (t) => {
    const database = await databases.make(t);
    const front = await startTlsFront(t, database.target);
    await claimed(await database.open({ target: { ...database.target, ...target, port: front.port } }));
    assert.ok(front.secured() > 0);
  });
}

const refused: readonly (readonly [string, Partial<PostgresTarget>])[] = [
  ["verify-full refuses another's certificate", { sslMode: "verify-full", host: "127.0.0.1", caFile }],
  ["verify-full refuses an authority that it does not know", { sslMode: "verify-full", host: "localhost" }],
  ["verify-ca refuses it, too", { sslMode: "verify-ca", host: "localhost" }],
];

for (const [title, target] of refused) {
  test(`a server with TLS: ${title}`, async (t) => {
    const database = await databases.make(t);
    const front = await startTlsFront(t, database.target);
    await assert.rejects(database.open({ target: { ...database.target, ...target, port: front.port } }), {
      code: "TQ_LEDGER",
      message: `TLS with ${target.host}:${front.port} failed`,
      hint: /sslrootcert=<file>/,
    });
  });
}

test("a server without TLS is used with sslmode=prefer and refused with every stricter mode", async (t) => {
  const database = await databases.make(t);
  const { host, port } = database.target;
  await claimed(await database.open({ target: { ...database.target, sslMode: "prefer" } }));
  for (const sslMode of ["require", "verify-ca", "verify-full"] as const) {
    await assert.rejects(database.open({ target: { ...database.target, sslMode } }), {
      code: "TQ_LEDGER",
      message: `${host}:${port} does not offer TLS, and sslmode=${sslMode} insists on it`,
    });
  }
});

test("a missing file of an authority is an error of the configuration", async (t) => {
  const database = await databases.make(t);
  await assert.rejects(database.open({ target: { ...database.target, caFile: "/nowhere/ca.pem" } }), {
    code: "TQ_CONFIG",
    message: /: sslrootcert \/nowhere\/ca.pem cannot be read$/,
  });
});
