// Where the ledger is: what its URL may say, and what the POSTGRES_… variables add to it.
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import fc from "fast-check";
import type { LedgerChoice } from "../../../../cli/options/ledger-options.ts";
import { readLedgerUrl } from "../../../../cli/options/ledger-url.ts";
import type { Env } from "../../../../cli/options/resolve.ts";
import { enough, readRun } from "../known-machine.ts";

type Database = Extract<LedgerChoice, { kind: "postgres" }>;

const database: Database = {
  kind: "postgres",
  host: "db",
  port: 5432,
  user: "u",
  password: "",
  database: "u",
  sslMode: "prefer",
  caFile: null,
  passFile: null,
  pooler: false,
};

const POSTGRES = { POSTGRES_HOST: "db", POSTGRES_USER: "u" };

describe("a ledger in a database", () => {
  const rows: readonly (readonly [string, Env, Partial<Database>])[] = [
    ["no more than a host and a user", POSTGRES, {}],
    [
      "every variable",
      { ...POSTGRES, POSTGRES_PORT: "6432", POSTGRES_PASSWORD: "s e@c/r", POSTGRES_DB: "dagster" },
      { port: 6432, password: "s e@c/r", database: "dagster" },
    ],
    ["a URL", { TASKIQ_LEDGER_URL: "postgres://u@db" }, {}],
    ["a URL of the scheme postgresql", { TASKIQ_LEDGER_URL: "postgresql://u@db/" }, {}],
    [
      "a whole URL",
      {
        TASKIQ_LEDGER_URL:
          "postgres://a%40b:p%2Fw%3A%40@h.example:1/d%20b?sslmode=verify-ca&sslrootcert=/etc/ca.pem&pooler=transaction",
      },
      {
        host: "h.example",
        port: 1,
        user: "a@b",
        password: "p/w:@",
        database: "d b",
        sslMode: "verify-ca",
        caFile: "/etc/ca.pem",
        pooler: true,
      },
    ],
    [
      "an authority alone, which verifies",
      { TASKIQ_LEDGER_URL: "postgres://u@db?sslrootcert=ca" },
      { sslMode: "verify-full", caFile: "ca" },
    ],
    [
      "a password file, beside what variables say",
      { ...POSTGRES, TASKIQ_LEDGER_URL: "postgres:///?passfile=/run/secrets/pgpass" },
      { passFile: "/run/secrets/pgpass" },
    ],
    ["an IPv6 address", { TASKIQ_LEDGER_URL: "postgres://u@[::1]:5433" }, { host: "::1", port: 5433 }],
    [
      "a URL over variables, which fill it up",
      { ...POSTGRES, TASKIQ_LEDGER_URL: "postgres://h/d", POSTGRES_PASSWORD: "pw", POSTGRES_PORT: "1" },
      { host: "h", port: 1, password: "pw", database: "d" },
    ],
    ["a Kubernetes service link for a port", { ...POSTGRES, POSTGRES_PORT: "tcp://10.96.0.9:6432" }, { port: 6432 }],
    [
      "a whole URL, which leaves variables unread",
      {
        TASKIQ_LEDGER_URL: "postgres://u:p@db:5432/u",
        POSTGRES_HOST: "no host",
        POSTGRES_PORT: "udp://10.96.0.9",
        POSTGRES_USER: "\n",
        POSTGRES_PASSWORD: "\n",
        POSTGRES_DB: "\n",
      },
      { password: "p" },
    ],
    [
      "a URL with parameters alone",
      { ...POSTGRES, TASKIQ_LEDGER_URL: "postgres:///?sslmode=require" },
      { sslMode: "require" },
    ],
  ];
  for (const [title, env, expected] of rows) {
    test(`the ledger is a database with ${title}`, () => {
      const { config, problems } = readRun([], { ...enough, ...env });
      assert.deepEqual(problems, []);
      assert.deepEqual(config?.ledger, { ...database, ...expected });
    });
  }

  const other = { POSTGRES_USER: "\n", POSTGRES_PORT: "udp://10.96.0.9", POSTGRES_PASSWORD: "\n" };

  test("the ledger is the file that --ledger-url names, whatever the variables say", () => {
    const { config } = readRun(["--ledger-url=sqlite:/l"], { ...enough, ...other, POSTGRES_HOST: "no host" });
    assert.deepEqual(config?.ledger, { kind: "sqlite", path: "/l" });
  });

  test("the ledger is not a database without a host, whatever the other variables say", () => {
    assert.equal(readRun([], { ...enough, ...other }).config?.ledger.kind, "sqlite");
  });
});

describe("what is wrong with it", () => {
  const form = "dagster, sqlite:<path of a file> or postgres://<user>@<host>:<port>/<database>";
  const rows: readonly (readonly [string, Env, string])[] = [
    [
      "no user",
      { POSTGRES_HOST: "db" },
      "--postgres-user is required (env: POSTGRES_USER) with a ledger in a database",
    ],
    [
      "no host",
      { TASKIQ_LEDGER_URL: "postgres:///d", POSTGRES_USER: "u" },
      "--postgres-host is required (env: POSTGRES_HOST): --ledger-url names a database, but no host",
    ],
    [
      "an unknown parameter",
      { TASKIQ_LEDGER_URL: "postgres://u@db?sslmod=require" },
      `--ledger-url must be ${form} with sslmode, sslrootcert, passfile, pooler as parameters (not sslmod, did you mean sslmode?), got "postgres://***@db?sslmod=require" (from TASKIQ_LEDGER_URL)`,
    ],
    [
      "an unknown sslmode",
      { TASKIQ_LEDGER_URL: "postgres://db?sslmode=allow" },
      '--ledger-url must be a URL whose sslmode is one of disable, prefer, require, verify-ca, verify-full, got "postgres://db?sslmode=allow" (from TASKIQ_LEDGER_URL)',
    ],
    [
      "an unknown pooler",
      { TASKIQ_LEDGER_URL: "postgres://db?pooler=session" },
      '--ledger-url must be a URL whose pooler, if it has one, is transaction, got "postgres://db?pooler=session" (from TASKIQ_LEDGER_URL)',
    ],
    [
      "a port that is not a number",
      { TASKIQ_LEDGER_URL: "postgres://u@db:port/d" },
      `--ledger-url must be ${form}, got "postgres://***@db:port/d" (from TASKIQ_LEDGER_URL)`,
    ],
    [
      "a password that holds what ends it",
      { TASKIQ_LEDGER_URL: "postgres://u:p@ss@db/d" },
      `--ledger-url must be ${form}, got "postgres://***@db/d" (from TASKIQ_LEDGER_URL)`,
    ],
    [
      "a service link without a port",
      { ...POSTGRES, POSTGRES_PORT: "tcp://10.96.0.9" },
      '--postgres-port must be a whole number from 1 to 65535, or a Kubernetes service link such as tcp://10.96.0.9:5432, got "tcp://10.96.0.9" (from POSTGRES_PORT)',
    ],
    [
      "a password with a line end, which is not shown",
      { ...POSTGRES, POSTGRES_PASSWORD: "hush\n" },
      "POSTGRES_PASSWORD must be a text without control characters, got something else (from POSTGRES_PASSWORD)",
    ],
  ];
  for (const [title, env, problem] of rows) {
    test(`the ledger's options are refused with ${title}`, () =>
      assert.deepEqual(readRun([], { ...enough, ...env }).problems, [problem]));
  }
});

test("a password comes out of a URL as it was encoded into it, and is never shown when the URL is refused", () => {
  const password = fc
    .string({ unit: "binary", minLength: 6 })
    .filter((text) => !/\p{Cc}/u.test(text) && text.isWellFormed());
  fc.assert(
    fc.property(password, (secret) => {
      const url = readLedgerUrl(`postgres://u:${encodeURIComponent(secret)}@db/d`);
      assert.equal(url?.kind === "postgres" && url.password, secret);
    }),
  );
  const raw = fc.stringMatching(/^[!-~]{6,20}$/).map((text) => `PW${text}`);
  fc.assert(
    fc.property(raw, (secret) => {
      const { problems } = readRun([], { ...enough, TASKIQ_LEDGER_URL: `postgres://u:${secret}@db/d?no` });
      assert.equal(problems.length, 1);
      assert.ok(!problems.join().includes(secret), problems.join());
    }),
  );
});
