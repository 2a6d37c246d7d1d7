// What each module must not know, read from the graph that the bundler sees. ARCHITECTURE.md,
// "Layout", has the rules in words.
import assert from "node:assert/strict";
import { globSync, readFileSync } from "node:fs";
import { dirname } from "node:path";
import { test } from "node:test";
import { fileURLToPath } from "node:url";
import { readImports } from "./support/import-graph.ts";

const root = fileURLToPath(new URL("..", import.meta.url));
const sources = globSync("{core,cli}/**/*.ts", { cwd: root }).sort();

/**
 * For each file of ours, what it imports: what the bundler sees, and types, which are erased before
 * it looks.
 */
const imports: ReadonlyMap<string, readonly string[]> = await readImports(root, sources);

/**
 * Modules that decide. Their heading says "Pure", and tests need no clock, no chance and no machine
 * for them.
 */
const pure = sources.filter((file) => file.startsWith("core/") && /\bPure\b/.test(headingOf(file)));

/**
 * The rooms of core/, lowest first. A room imports from the lines above its own, never from its own
 * line or below.
 */
const order = [
  ["events", "formats"],
  [""],
  ["step", "queue", "agent", "dagster"],
  ["runner", "ledger", "preflight"],
  ["admission", "lease"],
  ["delivery", "circuit"],
  ["intake", "dead-letters"],
  ["worker", "explain"],
  ["status"],
  ["endpoints", "drain", "metrics"],
];

/** The folders of cli/ that are a command each. */
const commands = globSync("cli/*/", { cwd: root })
  .map((folder) => folder.replace(/^cli\/|\/$/g, ""))
  .filter((room) => !["options", "terminal", "help", "wiring", "worker", "operator"].includes(room));

/** The rooms of cli/ in the same way; a file that lies in cli/ itself is a room of its own. */
const cliOrder = [
  ["exit-codes", "version", "node-version", "init", "forget-variables", "signals", "local-http"],
  ["options"],
  ["terminal", "command"],
  ["help", "wiring", "moved-flags"],
  ["worker"],
  ["operator"],
  commands,
  ["commands"],
  ["program"],
  ["process"],
  ["main"],
];

/** Modules of types and promises only. Pure modules may import them. */
const ports = [
  ...["queue", "ledger", "runner", "dagster", "agent"].map((seam) => `core/${seam}/port.ts`),
  ...["schema", "quiet-records", "cut-receives"].map((name) => `core/ledger/${name}.ts`),
];

const adapters: Readonly<Record<string, RegExp>> = {
  queue: /^core\/queue\/(?!(?:port|dead-letter-note|queue-place)\.ts)/,
  ledger: /^core\/ledger\/(?!(?:port|schema|quiet-records|cut-receives)\.ts)/,
  runner: /^core\/runner\/(?!port\.ts)/,
  dagster: /^core\/dagster\/(?!port\.ts)/,
  agent: /^core\/agent\/(?!port\.ts)/,
};

interface Rule {
  readonly says: string;
  readonly of: (file: string) => boolean;
  readonly forbids: (imported: string, file: string) => boolean;
}

const rules: readonly Rule[] = [
  {
    says: "a pure module imports pure modules, ports and valibot only",
    of: (file) => pure.includes(file),
    forbids: (imported) => ![...pure, ...ports].includes(imported) && !isPackage(imported, "valibot"),
  },
  {
    says: "a port knows steps and envelopes at most",
    of: (file) => ports.includes(file),
    forbids: (imported, file) =>
      !["core/step/step.ts", "core/step/envelope.ts"].includes(imported) &&
      !(ports.includes(imported) && dirname(imported) === dirname(file)),
  },
  {
    says: "a room of core/ imports lower rooms only",
    of: (file) => file.startsWith("core/"),
    forbids: (imported, file) =>
      imported.startsWith("core/") && roomOf(imported) !== roomOf(file) && levelOf(imported) >= levelOf(file),
  },
  {
    says: "a room of cli/ imports lower rooms only, so no command imports another",
    of: (file) => file.startsWith("cli/"),
    forbids: (imported, file) =>
      imported.startsWith("cli/") && roomOf(imported) !== roomOf(file) && levelOf(imported) >= levelOf(file),
  },
  {
    says: "queue, ledger, runner, Dagster's API and the agent do not know each other's ports",
    of: (file) => /^core\/(?:queue|ledger|runner|dagster|agent)\//.test(file),
    forbids: (imported, file) => ports.includes(imported) && !file.startsWith(`${dirname(imported)}/`),
  },
  {
    says: "core/ does not know cli/, nor how commands are read and logs are rendered",
    of: (file) => file.startsWith("core/"),
    forbids: (imported) => imported.startsWith("cli/") || isPackage(imported, "cac") || isPackage(imported, "consola"),
  },
  {
    says: "only a queue adapter knows the AWS SDK",
    of: (file) => !file.startsWith("core/queue/"),
    forbids: (imported) => isPackage(imported, "@aws-sdk") || isPackage(imported, "@smithy"),
  },
  {
    says: "only a ledger adapter knows a database",
    of: (file) => !file.startsWith("core/ledger/"),
    forbids: (imported) => imported === "node:sqlite" || isPackage(imported, "postgres"),
  },
  {
    says: "only the meter knows OpenTelemetry",
    of: (file) => file !== "core/metrics/otel.ts",
    forbids: (imported) => isPackage(imported, "@opentelemetry"),
  },
  {
    says: "only Dagster's API knows HTTP to it",
    of: (file) => !file.startsWith("core/dagster/"),
    forbids: (imported) => isPackage(imported, "undici"),
  },
  {
    says: "only the runner, and the programs of taskiq dev, know child processes",
    of: (file) => !file.startsWith("core/runner/") && file !== "cli/dev/program.ts",
    forbids: (imported) => imported === "node:child_process",
  },
  {
    says: "core/ gets what it needs from its callers, and only process-group.ts reaches the process",
    of: (file) => file.startsWith("core/") && file !== "core/process-group.ts",
    forbids: (imported) => /^(?:node:)?process$/.test(imported),
  },
  {
    says: "the executor, the intake and the leases know ports, not adapters",
    of: (file) => file.startsWith("core/") && adapterOf(file) === null,
    forbids: (imported) => Object.values(adapters).some((adapter) => adapter.test(imported)),
  },
  {
    says: "adapters do not know each other",
    of: (file) => adapterOf(file) !== null,
    forbids: (imported, file) => adapterOf(imported) !== null && adapterOf(imported) !== adapterOf(file),
  },
  {
    says: "the queue does not know steps, envelopes or the lifecycle",
    of: (file) => adapterOf(file) === "queue",
    forbids: (imported) => /^core\/(?:step|delivery)\//.test(imported),
  },
  {
    says: "in cli/, only wiring/ names adapters",
    of: (file) => file.startsWith("cli/") && roomOf(file) !== "wiring",
    forbids: (imported) => adapterOf(imported) !== null,
  },
  {
    says: "no other command knows the SQS server of taskiq dev",
    of: (file) => !file.startsWith("cli/dev/"),
    forbids: (imported) => imported.startsWith("cli/dev/sqs-server/"),
  },
  {
    says: "production code does not know tests, fixtures or development tools",
    of: () => true,
    forbids: (imported) => /^(?:test|fixtures|dev|bench)\//.test(imported),
  },
];

for (const { says, of, forbids } of rules) {
  test(`the rule holds: ${says}`, () => {
    const judged = sources.filter(of);
    assert.notEqual(judged.length, 0, "the rule is about no file");
    const broken = judged.flatMap((file) =>
      (imports.get(file) ?? []).filter((imported) => forbids(imported, file)).map((name) => `${file} imports ${name}`),
    );
    assert.deepEqual(broken, []);
  });
}

test("the graph holds every source file, and imports were seen in it", () => {
  assert.deepEqual([...imports.keys()].filter((file) => sources.includes(file)).sort(), sources);
  assert.ok(imports.get("core/delivery/executor.ts")?.includes("core/delivery/lifecycle.ts"), "a value");
  assert.ok(imports.get("core/delivery/delivery.ts")?.includes("core/queue/port.ts"), "a type");
});

test("core/ never touches the process or the console", () => {
  const reach = /^(?! *(?:\/\/|\*)).*(?:(?<![-.\w"])process\.[a-z]|\bglobalThis\.process\b|\bconsole\.)/m;
  const reaching = sources.filter(
    (file) => file.startsWith("core/") && reach.test(readFileSync(`${root}${file}`, "utf8")),
  );
  assert.deepEqual(reaching, []);
});

test("pure modules do not look at the clock, chance or the network", () => {
  const impure = /\bDate\.now\b|\bnew Date\b|\bMath\.random\b|\bperformance\.|\bsetTimeout\b|\bfetch\(|\bPromise\b/;
  assert.deepEqual(
    pure.filter((file) => impure.test(readFileSync(`${root}${file}`, "utf8"))),
    [],
  );
});

/** The comment at the top of a file. */
function headingOf(file: string): string {
  return /^(?:\/\/.*\n)*/.exec(readFileSync(`${root}${file}`, "utf8"))?.[0] ?? "";
}

/**
 * The folder directly below core/ or cli/. A file that lies in core/ itself is in the room "", one
 * in cli/ in a room of its own name.
 */
function roomOf(file: string): string {
  const [, tree, folder, name] = /^(core|cli)\/(?:([^/]+)\/.*|([^/]+)\.ts)$/.exec(file) ?? [];
  return folder ?? (tree === "cli" ? (name ?? "") : "");
}

/** The line of the order that names the file's room. Throws for a room that it does not name. */
function levelOf(file: string): number {
  const level = (file.startsWith("cli/") ? cliOrder : order).findIndex((rooms) => rooms.includes(roomOf(file)));
  assert.notEqual(level, -1, `test/boundaries.test.ts does not know the room of ${file}`);
  return level;
}

function adapterOf(file: string): string | null {
  return Object.entries(adapters).find(([, adapter]) => adapter.test(file))?.[0] ?? null;
}

function isPackage(imported: string, name: string): boolean {
  return imported === name || imported.startsWith(`${name}/`);
}
