// The variables that only taskiq may read: neither the step host nor the code that it runs has a
// use for them.
import { dagsterApiOptions } from "./dagster-api-options.ts";
import { instanceConfig } from "./instance-config.ts";
import { type LedgerChoice, ledgerOptions } from "./ledger-options.ts";
import type { OptionTable } from "./option.ts";
import type { Env } from "./resolve.ts";
import { workerOptions } from "./worker-options.ts";

const SECRETS = Object.values<OptionTable[string]>({ ...workerOptions, ...dagsterApiOptions })
  .filter((option) => option.secret)
  .flatMap((option) => option.env);
const PASSWORDS = ledgerOptions.postgresPassword.env;
/** A password may stand in it. */
const URLS = ledgerOptions.ledgerUrl.env;

/**
 * Returns the names of the secrets in `env` that are taskiq's. `POSTGRES_PASSWORD` is one if the
 * ledger was opened with it: it may as well be the step's own. What `dagster.yaml` in `home` names
 * stays, since Dagster's storage cannot be opened without it.
 */
export function ownVariables(env: Env, ledger: LedgerChoice | null, home: string): readonly string[] {
  const opens = (name: string) => ledger?.kind === "postgres" && env[name] === ledger.password;
  const own = [...URLS, ...SECRETS].filter((name) => !PASSWORDS.includes(name) || opens(name));
  const named = new Set(instanceConfig(home).match(/\w+/g));
  return own.filter((name) => env[name] !== undefined && !named.has(name));
}

export function without(env: Env, names: readonly string[]): Env {
  return { ...env, ...Object.fromEntries(names.map((name) => [name, undefined])) };
}
