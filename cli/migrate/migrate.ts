// `taskiq migrate`: brings the ledger's tables up to date, or says whether they are.

import { printableJson } from "../../core/formats/printable.ts";
import type { LedgerSchema, Migration } from "../../core/ledger/schema.ts";
import { defineCommand, type Io } from "../command.ts";
import { type ExitCode, exitCodes } from "../exit-codes.ts";
import { type LedgerChoice, ledgerAloneOptions, ledgerAloneRules, ledgerChoice } from "../options/ledger-options.ts";
import { onOff } from "../options/option.ts";
import type { Settings } from "../options/resolve.ts";
import type { Findings, Setup } from "../options/setup.ts";
import { sayOn } from "../terminal/say.ts";
import { openLedgerSchema } from "../wiring/ledger.ts";

const options = {
  ...ledgerAloneOptions,
  dryRun: onOff({
    flag: "--dry-run",
    env: [],
    group: "Output",
    help: "Print the SQL of the pending migrations, and run none.",
  }),
  check: onOff({
    flag: "--check",
    env: [],
    group: "Output",
    help: "Only check, and exit with 1 if a migration is pending. For CI, and before a deploy.",
  }),
  json: onOff({ flag: "--json", env: [], group: "Output", help: "Print one JSON object." }),
};

export interface MigrateConfig {
  readonly ledger: LedgerChoice;
  readonly mode: "apply" | "dry_run" | "check";
  readonly json: boolean;
}

export const migrateSetup: Setup<typeof options, MigrateConfig> = {
  options,
  rules,
  config: (values) => ({
    ledger: ledgerChoice(values, values.dagsterHome),
    mode: modeOf(values),
    json: values.json,
  }),
};

export const command = defineCommand({
  name: "migrate",
  setup: migrateSetup,
  examples: [
    "taskiq migrate --ledger-url postgres://owner@db.internal/dagster",
    "taskiq migrate --dry-run > ledger.sql",
    "POSTGRES_HOST=db.internal POSTGRES_USER=taskiq taskiq migrate --check",
  ],
  no: "With --check: the tables are not up to date.",
  usageExit: exitCodes.usage,
  warnsOfVariables: true,
  run: async (config, io, warnings) => {
    for (const warning of warnings) sayOn(io.stderr, "taskiq migrate")(warning);
    const schema = await openLedgerSchema(config.ledger, io.env);
    try {
      return await migrate(config, schema, io);
    } finally {
      await schema.close();
    }
  },
});

function rules(settings: Settings<typeof options>): Findings {
  const { problems, warnings } = ledgerAloneRules(settings);
  const both = settings.dryRun.value === true && settings.check.value === true;
  return { problems: [...problems, ...(both ? ["only one of these can be given: --dry-run, --check"] : [])], warnings };
}

function modeOf({ dryRun, check }: { readonly dryRun: boolean; readonly check: boolean }): MigrateConfig["mode"] {
  if (dryRun) return "dry_run";
  return check ? "check" : "apply";
}

async function migrate({ mode, json }: MigrateConfig, schema: LedgerSchema, io: Io): Promise<ExitCode> {
  const migrations = mode === "apply" ? await schema.migrate() : await schema.pending();
  if (json) {
    const names = migrations.map(({ version, name }) => ({ version, name }));
    io.stdout.write(`${printableJson({ ledger: schema.name, [mode === "apply" ? "applied" : "pending"]: names })}\n`);
  } else if (mode === "dry_run") for (const migration of migrations) io.stdout.write(sqlText(migration));
  else sayOn(io.stderr, "taskiq migrate")(`${schema.name}: ${summary(mode, migrations)}`);
  return mode === "check" && migrations.length > 0 ? exitCodes.no : exitCodes.done;
}

function sqlText({ version, name, sql }: Migration): string {
  return `-- ${version}: ${name}\n${sql}\n\n`;
}

function summary(mode: MigrateConfig["mode"], migrations: readonly Migration[]): string {
  if (migrations.length === 0) return "up to date";
  const names = migrations.map(({ version, name }) => `${version} (${name})`).join(", ");
  return mode === "apply" ? `applied ${names}` : `not up to date; left to be done: ${names}`;
}
