// The software bill of materials of the bundle and the executable: CycloneDX 1.6, JSON. Pure,
// without time or chance, so that two builds of the same sources are the same.
import type { BundledPackage } from "./bundled-packages.ts";

export interface SbomSubject {
  readonly name: string;
  readonly version: string;
  readonly license: string;
  /** What the executable contains besides the bundle. */
  readonly nodeVersion: string;
}

export function sbom(subject: SbomSubject, packages: readonly BundledPackage[]): string {
  const ref = purl(subject);
  const node = {
    type: "platform",
    "bom-ref": `pkg:generic/node@${subject.nodeVersion}`,
    name: "node",
    version: subject.nodeVersion,
    purl: `pkg:generic/node@${subject.nodeVersion}`,
    description: "the runtime inside the executable; the bundle runs on whatever Node is there",
  };
  const bom = {
    $schema: "http://cyclonedx.org/schema/bom-1.6.schema.json",
    bomFormat: "CycloneDX",
    specVersion: "1.6",
    version: 1,
    metadata: {
      component: {
        type: "application",
        "bom-ref": ref,
        name: subject.name,
        version: subject.version,
        purl: ref,
        licenses: [{ expression: subject.license }],
      },
    },
    components: [...packages.map(component), node],
    dependencies: [{ ref, dependsOn: [...packages.map(purl), node.purl] }],
  };
  return `${JSON.stringify(bom, null, 2)}\n`;
}

function component(bundled: BundledPackage) {
  const { name, version, license } = bundled;
  return {
    type: "library",
    "bom-ref": purl(bundled),
    name,
    version,
    purl: purl(bundled),
    licenses: [{ expression: license }],
    hashes: [{ alg: "SHA-512", content: sha512Of(bundled) }],
  };
}

/** Package URLs percent-encode the `@` of a scope (purl specification, "npm"). */
function purl({ name, version }: Pick<BundledPackage, "name" | "version">): string {
  return `pkg:npm/${name.replace(/^@/, "%40")}@${version}`;
}

function sha512Of({ name, integrity }: BundledPackage): string {
  const base64 = /^sha512-([A-Za-z0-9+/=]+)$/.exec(integrity)?.[1];
  if (base64 === undefined) throw new Error(`${name}: expected a SHA-512 in the lock file, got ${integrity}`);
  return Buffer.from(base64, "base64").toString("hex");
}
