// The stage that asks the registry whether what the worker is made of has known vulnerabilities.
// Not every registry can say (mirrors cannot), nor is there always a network: then the summary says
// that nothing was audited.
import { npmCommand } from "../bootstrap/node-packages.mjs";
import { attempt } from "../bootstrap/run.mjs";
import type { Check } from "./command.ts";
import type { Verdict } from "./summary.ts";

/** What users run; the tools that build and test it are not. */
const args = ["audit", "--json", "--omit=dev", "--fetch-retries=0", "--fetch-timeout=30000"];
const GRAVE = ["high", "critical"];

interface Vulnerability {
  readonly name: string;
  readonly severity: string;
  readonly via: readonly (string | { readonly title: string; readonly url: string })[];
}

interface Answer {
  readonly vulnerabilities?: Readonly<Record<string, Vulnerability>>;
  /** Why there is no answer. */
  readonly message?: string;
}

/** `registry`: another one than npm is set up for. */
export function audit(registry?: string): Check {
  return async (_signal, print) => {
    const [npm, ...first] = npmCommand();
    const { stdout, output } = await attempt(npm, [
      ...first,
      ...args,
      ...(registry === undefined ? [] : [`--registry=${registry}`]),
    ]);
    print(output);
    return judge(stdout);
  };
}

/** The verdict on what `npm audit --json` printed. */
export function judge(text: string): Verdict {
  const answer = read(text);
  if (answer?.vulnerabilities !== undefined) {
    const grave = Object.values(answer.vulnerabilities).filter(({ severity }) => GRAVE.includes(severity));
    return { passed: grave.length === 0, tests: null, detail: grave.map(describe).join(", ") };
  }
  const asked = answer?.message?.includes("/security/") === true;
  const why = answer?.message ?? `expected JSON from npm, got: ${text.slice(0, 200)}`;
  return { passed: asked, tests: null, detail: asked ? `nothing was audited: ${why}` : why };
}

function describe({ name, severity, via }: Vulnerability): string {
  const advisories = via.map((one) => (typeof one === "string" ? `by ${one}` : `${one.title}, ${one.url}`));
  return `${name}: ${severity} (${advisories.join("; ")})`;
}

function read(text: string): Answer | null {
  try {
    return JSON.parse(text) as Answer;
  } catch {
    return null;
  }
}
