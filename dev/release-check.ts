// Refuses to release what is not ready: the release workflow runs this before anything else, on the
// tag that started it.
import { readFileSync } from "node:fs";

export interface Release {
  /** `v0.1.0`. */
  readonly tag: string;
  /** Where the workflow runs: `https://github.com/owner/name`. */
  readonly repository: string;
}

export interface Sources {
  readonly manifest: { readonly version: string; readonly repository: { readonly url: string } };
  readonly changelog: string;
}

/**
 * Returns every reason against it. Versions of the packages are compared by a test:
 * test/release.test.ts.
 */
export function reasonsAgainst({ tag, repository }: Release, { manifest, changelog }: Sources): readonly string[] {
  const { version } = manifest;
  const named = manifest.repository.url.replace(/^git\+/, "").replace(/\.git$/, "");
  const [, unreleased = ""] = /^## Unreleased\n(.*?)^## /ms.exec(changelog) ?? [];
  return [
    ...(tag === `v${version}` ? [] : [`the tag must be v${version}, the version of package.json, got ${tag}`]),
    ...(named === repository ? [] : [`package.json must name this repository, ${repository}, got ${named}`]),
    ...(changelog.includes(`\n## ${version} - `) ? [] : [`CHANGELOG.md has no section "## ${version} - <date>"`]),
    ...(unreleased.trim() === "" ? [] : ['CHANGELOG.md still has changes under "Unreleased"']),
  ];
}

if (import.meta.main) {
  const { GITHUB_REF_NAME: tag = "", GITHUB_SERVER_URL: server, GITHUB_REPOSITORY: name } = process.env;
  const manifest = JSON.parse(readFileSync("package.json", "utf8"));
  const changelog = readFileSync("CHANGELOG.md", "utf8");
  const reasons = reasonsAgainst({ tag, repository: `${server}/${name}` }, { manifest, changelog });
  for (const reason of reasons) process.stderr.write(`release: ${reason}\n`);
  process.exitCode = reasons.length === 0 ? 0 : 1;
}
