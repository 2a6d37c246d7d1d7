// What every ledger's schema has: a version that only grows, and migrations that lead to it.

export interface Migration {
  readonly version: number;
  readonly name: string;
  readonly sql: string;
}

/** What `taskiq migrate` needs of a ledger. */
export interface LedgerSchema {
  /** How the ledger is called in messages. */
  readonly name: string;
  /**
   * Those that the store does not have yet, oldest first. Rejects with a `Fault`
   * (`TQ_LEDGER_SCHEMA`) for a schema that is too new.
   */
  pending(): Promise<readonly Migration[]>;
  /** Applies what is pending, unless another process is faster; answers what this one applied. */
  migrate(): Promise<readonly Migration[]>;
  close(): Promise<void>;
}
