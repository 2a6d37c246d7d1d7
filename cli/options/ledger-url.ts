// Where the ledger is, as one text. It is `dagster`, a file is `sqlite:<path>`, and a database is
// `postgres://user@host:port/database?sslmode=verify-full`.
import { didYouMean } from "./suggest.ts";
import { type Kind, readBy } from "./values.ts";

/** libpq's words: https://www.postgresql.org/docs/current/libpq-ssl.html */
const SSL_MODES = ["disable", "prefer", "require", "verify-ca", "verify-full"] as const;
const PARAMETERS = ["sslmode", "sslrootcert", "passfile", "pooler"];

/** What the URL says of a database. `null` means that it does not say. */
export interface PostgresUrl {
  readonly kind: "postgres";
  readonly host: string | null;
  readonly port: number | null;
  readonly user: string | null;
  readonly password: string | null;
  readonly database: string | null;
  readonly sslMode: (typeof SSL_MODES)[number] | null;
  readonly caFile: string | null;
  readonly passFile: string | null;
  readonly pooler: boolean;
}

export type LedgerUrl = { readonly kind: "dagster" } | { readonly kind: "sqlite"; readonly path: string } | PostgresUrl;

const EITHER = "dagster, sqlite:<path of a file> or postgres://<user>@<host>:<port>/<database>";

export const ledgerUrlKind: Kind<LedgerUrl> = {
  placeholder: "<url>",
  expects: (given) => whatIsWrong(given) ?? EITHER,
  schema: readBy(readLedgerUrl),
};

export function readLedgerUrl(text: string): LedgerUrl | null {
  if (text === "dagster") return { kind: "dagster" };
  // Not sqlite://…: whether its path is relative or absolute, every program reads differently. Not
  // :memory:, it would forget.
  if (/^sqlite:(?!\/\/|:memory:)\P{Cc}+$/u.test(text)) return { kind: "sqlite", path: text.slice("sqlite:".length) };
  const url = postgresUrl(text);
  return url === null || whatIsWrong(text) !== null ? null : fieldsOf(url);
}

/** Returns `null` for no word of libpq, and for `allow`, which tries without TLS first. */
export function sslModeNamed(word: string | null): PostgresUrl["sslMode"] {
  return SSL_MODES.find((mode) => mode === word) ?? null;
}

function fieldsOf(url: URL): PostgresUrl {
  const given = (part: string) => (part === "" ? null : decodeURIComponent(part));
  const sslMode = sslModeNamed(url.searchParams.get("sslmode"));
  return {
    kind: "postgres",
    // An IPv6 address stands in brackets in a URL, and nowhere else.
    host: given(url.hostname.replace(/^\[(.*)\]$/, "$1")),
    port: url.port === "" ? null : Number(url.port),
    user: given(url.username),
    password: given(url.password),
    database: given(url.pathname.slice(1)),
    sslMode,
    caFile: url.searchParams.get("sslrootcert"),
    passFile: url.searchParams.get("passfile"),
    pooler: url.searchParams.get("pooler") === "transaction",
  };
}

/** Completes "must be …", for a database's URL that is nearly right. */
function whatIsWrong(text: string): string | null {
  const url = postgresUrl(text);
  if (url === null) return null;
  const unknown = [...url.searchParams.keys()].find((name) => !PARAMETERS.includes(name));
  if (unknown !== undefined) {
    return `${EITHER} with ${PARAMETERS.join(", ")} as parameters (not ${unknown}${didYouMean(unknown, PARAMETERS)})`;
  }
  const sslMode = url.searchParams.get("sslmode");
  if (sslMode !== null && !SSL_MODES.some((mode) => mode === sslMode)) {
    return `a URL whose sslmode is one of ${SSL_MODES.join(", ")}`;
  }
  const pooler = url.searchParams.get("pooler");
  return pooler === null || pooler === "transaction" ? null : "a URL whose pooler, if it has one, is transaction";
}

/** An @ ends the password and nothing else: one inside it, or a / or ?, must be percent-encoded. */
const SHAPE = /^postgres(?:ql)?:\/\/(?:[^/?#@]*@)?[^/?#@]*(?:\/[^/?#@]*)?(?:\?[^#@]*)?$/;

/** Returns `null` for a text that is not the URL of a database. */
function postgresUrl(text: string): URL | null {
  if (!SHAPE.test(text) || /\p{Cc}/u.test(text)) return null;
  const url = URL.parse(text);
  return url !== null && isDecodable(url) ? url : null;
}

function isDecodable({ username, password, pathname }: URL): boolean {
  try {
    decodeURIComponent(username + password + pathname);
    return true;
  } catch {
    return false;
  }
}
