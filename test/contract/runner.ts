// The runner's contract: every adapter runs the whole of it.
import { describe } from "node:test";
import { endContract } from "./runner-ends.ts";
import { killContract } from "./runner-kills.ts";
import { probeContract } from "./runner-probes.ts";
import { reportContract } from "./runner-reports.ts";
import type { MakeRunner } from "./runner-setup.ts";

export function runnerContract(name: string, make: MakeRunner): void {
  describe(`runner contract: ${name}`, () => {
    describe("how a step ends", () => endContract(make));
    describe("kills and stops", () => killContract(make));
    describe("reports and notices", () => reportContract(make));
    describe("probes", () => probeContract(make));
  });
}
