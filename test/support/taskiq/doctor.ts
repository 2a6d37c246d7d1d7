// `taskiq doctor` from the bundle, and its report as JSON.
import assert from "node:assert/strict";
import { once } from "node:events";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import type { TestContext } from "node:test";
import { PYTHON } from "../dagster/dagster-sidecar.ts";
import { runTaskiq, type Variables } from "./run-taskiq.ts";

interface Line {
  readonly check: string;
  readonly level: "ok" | "warn" | "fail";
  readonly found: string;
  readonly todo: string | null;
}

export interface Report {
  readonly ok: boolean;
  readonly version: string;
  readonly checks: readonly Line[];
  readonly configuration: readonly { readonly option: string; readonly value: string | null; readonly from: string }[];
}

/** The report says that all is well exactly if the command exits with 0. */
export async function doctor(flags: readonly string[], env: Variables) {
  const done = await runTaskiq(["doctor", "--json", "--python", PYTHON, ...flags], env);
  assert.equal(done.stderr, "");
  const report = JSON.parse(done.stdout) as Report;
  assert.equal(report.ok, done.code === 0);
  return { code: done.code, report };
}

/** What is not well: level, check, what was found, and what to do. */
export function troubles(report: Report): readonly string[] {
  return report.checks.flatMap(({ check, level, found, todo }) =>
    level === "ok" ? [] : [`${level} ${check}: ${found}${todo === null ? "" : ` → ${todo}`}`],
  );
}

/** The address of a task metadata endpoint that says this of the task. */
export async function metadata(t: TestContext, task: object): Promise<string> {
  const endpoint = createServer((_, response) => response.end(JSON.stringify(task))).listen(0, "127.0.0.1");
  await once(endpoint, "listening");
  t.after(() => endpoint.close());
  return `http://127.0.0.1:${(endpoint.address() as AddressInfo).port}/v4`;
}
