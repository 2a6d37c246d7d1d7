// The ledger's contract: every adapter runs the whole of it.
import { describe } from "node:test";
import { claimContract } from "./ledger-claim.ts";
import { concurrencyContract } from "./ledger-concurrency.ts";
import { cutReceivesContract } from "./ledger-cut-receives.ts";
import { endContract } from "./ledger-end.ts";
import { leaseContract } from "./ledger-lease.ts";
import { lockContract } from "./ledger-locks.ts";
import { operatorContract } from "./ledger-operators.ts";
import { quietContract } from "./ledger-quiet.ts";
import { rowContract } from "./ledger-rows.ts";
import type { MakeLedger } from "./ledger-setup.ts";
import { walkContract } from "./ledger-walks.ts";

export function ledgerContract(name: string, make: MakeLedger): void {
  describe(`ledger contract: ${name}`, () => {
    describe("claim", () => claimContract(make));
    describe("lease and permit", () => leaseContract(make));
    describe("settle and abandon", () => endContract(make));
    describe("rows", () => rowContract(make));
    describe("locks", () => lockContract(make));
    describe("operators", () => operatorContract(make));
    describe("quiet", () => quietContract(make));
    describe("cut receives", () => cutReceivesContract(make));
    describe("concurrency", () => concurrencyContract(make));
    describe("walks", () => walkContract(make));
  });
}
