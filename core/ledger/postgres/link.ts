// One connection to Postgres, for one statement at a time. It connects once: when it breaks, it is
// thrown away and another is made.
import { once } from "node:events";
import postgres, { type Sql, type TransactionSql } from "postgres";
import type { Clock } from "../../clock.ts";
import { passwordFrom } from "./passfile.ts";
import { type Address, openSocket } from "./socket.ts";

export interface LinkOptions extends Address {
  readonly clock: Pick<Clock, "deadline">;
  readonly user: string;
  readonly password: string;
  /** Read for each connection, where no password is given. */
  readonly passFile: string | null;
  readonly database: string;
  /** What operators see in pg_stat_activity. */
  readonly applicationName: string;
  /**
   * A pooler gives each transaction another connection: nothing may be left in one for the next.
   */
  readonly pooler: boolean;
  /** See `PostgresTarget`. */
  readonly schema?: string;
  /** The server ends a statement after this long; a pooler knows no such setting. */
  readonly statementMs: number;
}

export type Row = Readonly<Record<string, unknown>>;
export type Parameter = string | number;
/** Runs one statement, which is a transaction by itself. */
export type Run = (statement: string, parameters: readonly Parameter[]) => Promise<readonly Row[]>;

/** CancelRequest: https://www.postgresql.org/docs/current/protocol-message-formats.html */
const CANCEL_CODE = 80877102;
const CANCEL_MS = 2_000;

export class Link {
  readonly #options: LinkOptions;
  readonly #sql: Sql;
  readonly #gone = new AbortController();
  #password: string;
  #connected = false;

  constructor(options: LinkOptions) {
    this.#options = options;
    this.#password = options.password;
    this.#sql = postgres({
      ...fixed,
      host: options.host,
      port: options.port,
      user: options.user,
      password: () => this.#password,
      database: options.database,
      prepare: !options.pooler,
      connection: { application_name: options.applicationName, ...(options.pooler ? {} : sessionOf(options)) },
      socket: () => this.#connect(),
    } as NonNullable<Parameters<typeof postgres>[0]> & object);
  }

  /**
   * Runs a statement, prepared once for each connection and text. When `signal` aborts, the server
   * gets a cancel request, too.
   */
  async run(text: string, parameters: readonly Parameter[], signal: AbortSignal): Promise<readonly Row[]> {
    const query = this.#sql.unsafe<Row[]>(text, [...parameters], { prepare: !this.#options.pooler });
    const cancel = () => void this.#cancel(query).catch(() => undefined);
    signal.addEventListener("abort", cancel);
    try {
      return await query;
    } finally {
      signal.removeEventListener("abort", cancel);
    }
  }

  transaction<T>(work: (sql: TransactionSql) => Promise<T>): Promise<T> {
    return this.#sql.begin(work) as Promise<T>;
  }

  /** Says goodbye to the server. */
  async close(): Promise<void> {
    await this.#sql.end({ timeout: 1 });
    this.#gone.abort();
  }

  /** Lets go of everything at once. */
  discard(): void {
    void this.#sql.end({ timeout: 0 });
    this.#gone.abort();
  }

  /** The library would connect again by itself, without a pause when a proxy hangs up on it. */
  async #connect(): Promise<unknown> {
    if (this.#connected) throw Object.assign(new Error("the connection was closed"), { code: "CONNECTION_CLOSED" });
    this.#connected = true;
    const { passFile } = this.#options;
    // Not in the library's own callback: an error thrown there cannot be caught.
    if (this.#password === "" && passFile !== null) this.#password = await passwordFrom(passFile, this.#options);
    const socket = await openSocket(this.#options, this.#gone.signal);
    // The library's errors name them.
    return Object.assign(socket, { host: this.#options.host, port: this.#options.port });
  }

  /** Not the library's own, whose failure cannot be caught. */
  async #cancel(query: unknown): Promise<void> {
    const { pid, secret } = (query as { state?: { pid: number | null; secret: number } }).state ?? {};
    if (typeof pid !== "number" || typeof secret !== "number") return;
    const { signal, clear } = this.#options.clock.deadline(CANCEL_MS);
    try {
      const socket = await openSocket(this.#options, signal);
      const message = Buffer.alloc(16);
      for (const [i, value] of [16, CANCEL_CODE, pid, secret].entries()) message.writeUInt32BE(value, 4 * i);
      socket.on("error", () => undefined);
      socket.end(message);
      // A server that hangs does not close its end. The deadline then takes the socket away.
      await once(socket, "close");
    } finally {
      clear();
    }
  }
}

/** Everything that the library would else look up in PG… variables, or do in its own way. */
const fixed = {
  max: 1,
  ssl: false,
  idle_timeout: 0,
  connect_timeout: 0,
  max_lifetime: null,
  max_pipeline: 1,
  keep_alive: 30,
  backoff: () => 0,
  fetch_types: false,
  onnotice: () => undefined,
} as const;

/**
 * A lost commit would be a lost outcome or a fence given twice: it is on disk before anything is
 * done because of it.
 */
function sessionOf({ statementMs, schema }: LinkOptions): Record<string, string> {
  const found = schema === undefined ? {} : { search_path: schema };
  return { statement_timeout: String(statementMs), synchronous_commit: "on", ...found };
}
