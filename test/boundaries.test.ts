// What each module must not know, read from the graph that the bundler sees. ARCHITECTURE.md, "Layout", has the rules in words.
import assert from "node:assert/strict";
import { globSync, readFileSync } from "node:fs";
import { test } from "node:test";
import { fileURLToPath } from "node:url";
import { build } from "esbuild";

const root = fileURLToPath(new URL("..", import.meta.url));
const sources = globSync("{core,cli}/**/*.ts", { cwd: root }).sort();

/** For each file of ours, what it imports; types are erased before the bundler looks. */
const imports: ReadonlyMap<string, readonly string[]> = await readImports();

/** They decide, and so can be tested without a clock, chance, or a machine. */
const pure = [
  ...["envelope", "step", "states", "moves", "lifecycle", "policy", "health", "lines"].map((name) => `core/${name}.ts`),
  "core/runner/frames.ts",
];

const adapters: Readonly<Record<string, RegExp>> = {
  queue: /^core\/queue\/(?!port\.ts)/,
  ledger: /^core\/ledger\/(?!port\.ts)/,
  runner: /^core\/runner\/(?!port\.ts)/,
};

interface Rule {
  readonly says: string;
  readonly of: (file: string) => boolean;
  readonly forbids: (imported: string, file: string) => boolean;
}

const rules: readonly Rule[] = [
  {
    says: "a pure module imports pure modules and valibot only",
    of: (file) => pure.includes(file),
    forbids: (imported) => !pure.includes(imported) && !isPackage(imported, "valibot"),
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
    forbids: (imported) => imported === "node:sqlite",
  },
  {
    says: "only the runner knows child processes",
    of: (file) => !file.startsWith("core/runner/"),
    forbids: (imported) => imported === "node:child_process",
  },
  {
    says: "the executor, the intake and the leases know ports, not adapters",
    of: (file) => /^core\/(?:effects\/|[^/]+\.ts$)/.test(file),
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
    forbids: (imported) => /^core\/(?:step|envelope|lifecycle|moves|states|policy)\.ts$/.test(imported),
  },
  {
    says: "in cli/, only wiring.ts names adapters",
    of: (file) => file.startsWith("cli/") && file !== "cli/wiring.ts",
    forbids: (imported) => adapterOf(imported) !== null,
  },
  {
    says: "production code does not know tests, fixtures or development tools",
    of: () => true,
    forbids: (imported) => /^(?:test|fixtures|dev|bench)\//.test(imported),
  },
];

for (const { says, of, forbids } of rules) {
  test(says, () => {
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
  assert.ok(imports.get("core/executor.ts")?.includes("core/lifecycle.ts"));
});

test("core/ never touches the process or the console", () => {
  const reach = /\bprocess\.(?:env|argv|exit|stdout|stderr|on)\b|\bconsole\./;
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

async function readImports(): Promise<ReadonlyMap<string, readonly string[]>> {
  const { metafile } = await build({
    absWorkingDir: root,
    entryPoints: sources,
    outdir: "dist/boundaries",
    bundle: true,
    format: "esm",
    platform: "node",
    target: "esnext",
    packages: "external",
    metafile: true,
    write: false,
    logLevel: "error",
  });
  return new Map(Object.entries(metafile.inputs).map(([file, input]) => [file, input.imports.map(({ path }) => path)]));
}

function adapterOf(file: string): string | null {
  return Object.entries(adapters).find(([, adapter]) => adapter.test(file))?.[0] ?? null;
}

function isPackage(imported: string, name: string): boolean {
  return imported === name || imported.startsWith(`${name}/`);
}
