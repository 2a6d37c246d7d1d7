// The licences of what the bundle holds, as those licences ask for. Pure.
import type { BundledPackage } from "./bundled-packages.ts";

/** Equal texts stand once, under the names of all packages that come with them. */
export function licensesText(packages: readonly BundledPackage[]): string {
  const groups = Map.groupBy(packages, ({ license, licenseText }) => licenseText ?? `License: ${license}`);
  const parts = [...groups].map(([text, members]) => {
    const names = members.map(({ name, version, license }) => `${name} ${version} (${license})`);
    return `${names.join("\n")}\n\n${text}\n`;
  });
  return `taskiq contains the following packages.\n\n${parts.join(`\n${"-".repeat(80)}\n\n`)}`;
}
