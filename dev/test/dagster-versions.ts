// Which versions of Dagster are tested, and what goes with them. Pure.

/**
 * The oldest supported one and the last of each minor version since; README.md and
 * python/pyproject.toml name the first, too.
 */
const VERSIONS = ["1.10.21", "1.11.16", "1.12.22"];
export const [OLDEST = ""] = VERSIONS;

export type Chosen =
  | { readonly kind: "chosen"; readonly versions: readonly string[]; readonly paths: readonly string[] }
  | { readonly kind: "wrong"; readonly message: string };

/** Versions and test files in any order; without versions all, without files all. */
export function chooseVersions(args: readonly string[], locked: string): Chosen {
  const versions = args.filter((arg) => /^\d+\.\d+\.\d+$/.test(arg));
  const paths = args.filter((arg) => arg.startsWith("python/tests"));
  const wrong = args.find((arg) => !versions.includes(arg) && !paths.includes(arg));
  if (wrong !== undefined) {
    const message = `expected a version of Dagster (like ${VERSIONS[0]}) or a test file below python/tests, got "${wrong}"`;
    return { kind: "wrong", message };
  }
  return {
    kind: "chosen",
    versions: versions.length > 0 ? versions : [...VERSIONS, locked],
    paths: paths.length > 0 ? paths : ["python/tests"],
  };
}

/** The version that the project itself is developed with. */
export function lockedVersion(requirements: string): string {
  const [, version] = /^dagster==(\S+)$/m.exec(requirements) ?? [];
  if (version === undefined) throw new Error("expected python/requirements.in to pin dagster");
  return version;
}

/**
 * What the tests need in an environment with this version. Dagster numbers its libraries 0.(16 +
 * minor).patch.
 */
export function requirementsFor(version: string, requirements: string): readonly string[] {
  const [, minor, patch] = version.split(".");
  const pinned = (name: string) => requirements.split("\n").filter((line) => line.startsWith(`${name}==`));
  return [
    `dagster==${version}`,
    `dagster-postgres==0.${16 + Number(minor)}.${patch}`,
    ...["boto3", "psycopg2-binary", "pytest", "types-boto3-sqs"].flatMap(pinned),
  ];
}
