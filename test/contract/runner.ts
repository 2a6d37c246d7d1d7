// The runner's contract: every adapter runs the whole of it, once.
import { describe } from "node:test";
import { attemptContract, endContract } from "./runner-ends.ts";
import { killContract } from "./runner-kills.ts";
import { limitContract } from "./runner-limits.ts";
import { lookContract } from "./runner-looks.ts";
import { probeContract } from "./runner-probes.ts";
import { reportContract } from "./runner-reports.ts";
import type { MakeRunner } from "./runner-setup.ts";

/** The part that holds however a step's process is made. */
export function stepContract(name: string, make: MakeRunner): void {
  describe(name, () => {
    describe("how a step ends", () => endContract(make));
    describe("kills and stops", () => killContract(make));
    describe("limits and terms", () => limitContract(make));
  });
}

export function runnerContract(name: string, make: MakeRunner): void {
  describe(`runner contract: ${name}`, () => {
    stepContract("steps", make);
    describe("attempts", () => attemptContract(make));
    describe("reports and notices", () => reportContract(make));
    describe("probes", () => probeContract(make));
    describe("looks", () => lookContract(make));
  });
}
