// Which ledger: the options that every command which opens one shares, and what they come to.
import { join } from "node:path";
import { dagsterOptions } from "./dagster-options.ts";
import { mayHavePostgres } from "./instance-config.ts";
import { ledgerUrlKind, type PostgresUrl } from "./ledger-url.ts";
import { type Option, optional, type Values } from "./option.ts";
import { isGiven, type Setting, type Settings, settingOf } from "./resolve.ts";
import type { Findings } from "./setup.ts";
import { servicePort, text } from "./values.ts";

const GROUP = "Ledger";

type Part = "host" | "port" | "user" | "password" | "database";

/**
 * Whether the ledger is a database whose URL does not say this. Otherwise the variables may be
 * another program's, with any value.
 */
function isMissing(part: Part): Option<unknown>["isRead"] {
  return (settings) => {
    const url = settingOf(ledgerUrl, settings);
    if (url !== undefined && isGiven(url)) return url.value?.kind === "postgres" && url.value[part] === null;
    const host = settingOf(postgresHost, settings);
    return part === "host" || (host !== undefined && isGiven(host));
  };
}

const ledgerUrl = optional({
  flag: "--ledger-url",
  env: ["TASKIQ_LEDGER_URL"],
  group: GROUP,
  help: "Where outcomes are recorded: dagster, which is the Dagster instance's own PostgreSQL, postgres://<user>@<host>:<port>/<database>, or sqlite:<path>. The following options add the parts that a postgres URL leaves out.",
  absent:
    "the database at POSTGRES_HOST, else dagster if dagster.yaml names PostgreSQL, else taskiq.sqlite in the Dagster home",
  kind: ledgerUrlKind,
});

const postgresHost = optional({
  flag: "--postgres-host",
  env: ["POSTGRES_HOST"],
  group: GROUP,
  help: "Host of the ledger's database.",
  kind: text("<host>", "a host name or an IP address", /^[\w.:%-]+$/),
  isRead: isMissing("host"),
});

export const ledgerOptions = {
  ledgerUrl,
  postgresHost,
  postgresPort: optional({
    flag: "--postgres-port",
    env: ["POSTGRES_PORT"],
    group: GROUP,
    help: "Its port.",
    absent: "5432",
    kind: servicePort,
    isRead: isMissing("port"),
  }),
  postgresUser: optional({
    flag: "--postgres-user",
    env: ["POSTGRES_USER"],
    group: GROUP,
    help: "Its user.",
    kind: text("<user>", "a name"),
    isRead: isMissing("user"),
  }),
  // Without dashes no argument can be it: every process of a machine can read the others' command
  // lines.
  postgresPassword: optional({
    flag: "POSTGRES_PASSWORD",
    env: ["POSTGRES_PASSWORD"],
    group: GROUP,
    help: "Its password; only as a variable.",
    kind: text("<password>", "a text without control characters"),
    secret: true,
    isRead: isMissing("password"),
  }),
  postgresDatabase: optional({
    flag: "--postgres-db",
    env: ["POSTGRES_DB"],
    group: GROUP,
    help: "Its database.",
    absent: "called as its user",
    kind: text("<name>", "a name"),
    isRead: isMissing("database"),
  }),
};

/** For commands that have no other use for a Dagster home than the ledger in it. */
export const ledgerAloneOptions = {
  ...ledgerOptions,
  dagsterHome: optional({
    flag: "--dagster-home",
    env: ["DAGSTER_HOME"],
    group: GROUP,
    help: "Where dagster.yaml is, and the ledger's file if it is the default.",
    kind: text("<path>", "an absolute path", /^\//),
  }),
  python: dagsterOptions.python,
};

export type LedgerChoice =
  /** The database of the instance whose `dagster.yaml` is in this home, as this Python reads it. */
  | { readonly kind: "dagster"; readonly home: string; readonly python: string }
  | { readonly kind: "sqlite"; readonly path: string }
  | {
      readonly kind: "postgres";
      readonly host: string;
      readonly port: number;
      readonly user: string;
      readonly password: string;
      readonly database: string;
      readonly sslMode: NonNullable<PostgresUrl["sslMode"]>;
      readonly caFile: string | null;
      readonly passFile: string | null;
      readonly pooler: boolean;
    };

type LedgerSettings = Settings<typeof ledgerOptions>;
type LedgerValues = Values<typeof ledgerOptions>;

/** True when the command line or the environment names a ledger. */
export function isLedgerGiven({ ledgerUrl, postgresHost }: LedgerSettings): boolean {
  return isGiven(ledgerUrl) || isGiven(postgresHost);
}

/** Returns whether something says where the ledger is: its own options, or a Dagster home. */
export function isLedgerPlaced(settings: LedgerSettings & { readonly dagsterHome: Setting<string | null> }): boolean {
  const isNamed = isLedgerGiven(settings) && settings.ledgerUrl.value?.kind !== "dagster";
  return isNamed || isGiven(settings.dagsterHome);
}

/** A database needs a host and a user, from the URL or from options of their own. */
export function ledgerRules(settings: LedgerSettings): Findings {
  const url = settings.ledgerUrl.value;
  const isDatabase = url === null ? isGiven(settings.postgresHost) : url?.kind === "postgres";
  if (!isDatabase) return { problems: [], warnings: [] };
  const parts = url?.kind === "postgres" ? url : { host: null, user: null };
  const problems: string[] = [];
  if (parts.host === null && !isGiven(settings.postgresHost)) {
    problems.push("--postgres-host is required (env: POSTGRES_HOST): --ledger-url names a database, but no host");
  }
  if (parts.user === null && !isGiven(settings.postgresUser)) {
    problems.push("--postgres-user is required (env: POSTGRES_USER) with a ledger in a database");
  }
  return { problems, warnings: [] };
}

/** The ledger must be named, or be found through a Dagster home that is. */
export function ledgerAloneRules(settings: Settings<typeof ledgerAloneOptions>): Findings {
  const { problems } = ledgerRules(settings);
  const nowhere = !isLedgerPlaced(settings);
  const missing = "--ledger-url, --postgres-host or --dagster-home is required: nothing says where the ledger is";
  return { problems: [...problems, ...(nowhere ? [missing] : [])], warnings: [] };
}

export function ledgerChoice(
  values: LedgerValues & Values<{ readonly python: typeof dagsterOptions.python }>,
  dagsterHome: string | null,
): LedgerChoice {
  const url = values.ledgerUrl;
  const home = dagsterHome ?? "";
  if (url?.kind === "sqlite") return url;
  if (url?.kind === "dagster" || (url === null && values.postgresHost === null && mayHavePostgres(home))) {
    return { kind: "dagster", home, python: values.python };
  }
  if (url === null && values.postgresHost === null) return { kind: "sqlite", path: join(home, "taskiq.sqlite") };
  const host = url?.host ?? values.postgresHost;
  const user = url?.user ?? values.postgresUser;
  if (host === null || user === null) throw new Error("no host or user: the rules were not checked");
  return {
    kind: "postgres",
    host,
    port: url?.port ?? values.postgresPort ?? 5432,
    user,
    password: url?.password ?? values.postgresPassword ?? "",
    database: url?.database ?? values.postgresDatabase ?? user,
    ...parametersOf(url),
  };
}

/** An authority alone asks for verification. */
function parametersOf(url: PostgresUrl | null) {
  const { sslMode, caFile, passFile, pooler } = url ?? { sslMode: null, caFile: null, passFile: null, pooler: false };
  return { sslMode: sslMode ?? (caFile === null ? "prefer" : "verify-full"), caFile, passFile, pooler };
}
