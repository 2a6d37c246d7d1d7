// Contract: random walks over one row, checked move by move against the model.
import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { ask, type Move, RowModel } from "./ledger-model.ts";
import { type LedgerUnderTest, leaseMs, type MakeLedger, writeBoundMs } from "./ledger-setup.ts";

const nth = fc.oneof(
  { weight: 4, arbitrary: fc.constant(0) },
  { weight: 1, arbitrary: fc.integer({ min: 1, max: 3 }) },
);
const spans = [1, leaseMs - 1, leaseMs, writeBoundMs - 1, writeBoundMs, leaseMs + writeBoundMs];

const move: fc.Arbitrary<Move> = fc.oneof(
  { weight: 4, arbitrary: fc.record({ do: fc.constant("claim" as const), owner: fc.constantFrom("a", "b", "c") }) },
  { weight: 4, arbitrary: fc.record({ do: fc.constant("advance" as const), ms: fc.constantFrom(...spans) }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant("renew" as const), nth }) },
  { weight: 2, arbitrary: fc.record({ do: fc.constant("permit" as const), nth }) },
  { weight: 2, arbitrary: fc.record({ do: fc.constant("abandon" as const), nth, giveStartBack: fc.boolean() }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant("settle" as const), nth, failed: fc.boolean() }) },
);

export function walkContract(make: MakeLedger): void {
  test("a ledger answers any sequence of calls as the model does", async (t) => {
    const underTest = await make(t);
    let walks = 0;
    const property = fc.asyncProperty(fc.array(move, { maxLength: 40 }), (moves) =>
      walk(underTest, `walk:${walks++}`, moves),
    );
    await fc.assert(property, { numRuns: 150 });
  });
}

async function walk({ ledger, advance }: LedgerUnderTest, key: string, moves: readonly Move[]): Promise<void> {
  const model = new RowModel();
  for (const [index, next] of moves.entries()) {
    const said = `move ${index}: ${JSON.stringify(next)}`;
    const fences = model.fence;
    const expected = model.answer(next);
    if (next.do === "advance") await advance(next.ms);
    else assert.deepEqual(await ask(ledger, key, next, fences), expected, said);
    assert.equal((await ledger.find(key))?.starts ?? 0, model.starts, said);
  }
}
