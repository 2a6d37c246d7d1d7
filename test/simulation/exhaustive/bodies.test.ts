// All interleavings of two bodies under one key, each delivered twice, with a body that cannot be
// read between them. Claims are answered late, leases end and workers die. The real rule decides
// which body has the row. Both bodies are never buried, so the attempt can always end.
import assert from "node:assert/strict";
import { test } from "node:test";
import { claimedDigest } from "../../../core/ledger/claimable.ts";

type Rule = (row: Row, asked: string) => string;

interface Row {
  readonly state: "none" | "pending" | "running";
  readonly leased: boolean;
  readonly payloadDigest: string;
  readonly bodyBound: boolean;
}

interface Delivery {
  readonly body: string;
  /** `asks`: the claim is made, and its answer is under way. */
  readonly at: "idle" | "asks" | "runs" | "buries";
  /** The digest in the answer to its claim. */
  readonly answer: string;
  /** Holds the latest fence. */
  readonly owns: boolean;
}

interface Situation {
  readonly row: Row;
  readonly buried: readonly string[];
  readonly ended: boolean;
  readonly deliveries: readonly Delivery[];
}

const unreadable = "";
const idle = { at: "idle", answer: "", owns: false } as const;
const beginning: Situation = {
  row: { state: "none", leased: false, payloadDigest: "", bodyBound: false },
  buried: [],
  ended: false,
  deliveries: ["a", "a", "b", "b", unreadable].map((body) => ({ body, ...idle })),
};

test("two bodies under one key are never both buried", () => {
  const { situations, broken } = explore(claimedDigest);
  assert.deepEqual(broken, null);
  assert.ok(situations > 1_000, `${situations} situations`);
});

test("two bodies are both buried when a row is free for any body once a lease has ended", () => {
  const rule: Rule = (row, asked) =>
    claimedDigest({ ...row, bodyBound: row.bodyBound && row.state === "pending" }, asked);
  assert.equal(explore(rule).broken?.rule, "both are buried");
});

test("two bodies are both buried when only a claim binds a row", () => {
  const rule: Rule = (row, asked) => (row.payloadDigest === "" ? asked : row.payloadDigest);
  assert.equal(explore(rule).broken?.rule, "both are buried");
});

function explore(rule: Rule) {
  const ways = new Map([[JSON.stringify(beginning), [] as readonly string[]]]);
  const open = [beginning];
  for (const situation of open) {
    const way = ways.get(JSON.stringify(situation)) ?? [];
    if (!situation.ended && situation.buried.includes("a") && situation.buried.includes("b"))
      return { situations: ways.size, broken: { rule: "both are buried", way } };
    for (const [label, next] of branches(situation, rule)) {
      const key = JSON.stringify(next);
      if (ways.has(key)) continue;
      ways.set(key, [...way, label]);
      open.push(next);
    }
  }
  return { situations: ways.size, broken: null };
}

type Branch = readonly [label: string, next: Situation];
type Become = (change: Partial<Delivery>, rest?: Partial<Situation>) => Situation;

function* branches(from: Situation, rule: Rule): Generator<Branch> {
  if (from.ended) return;
  const { row } = from;
  if (row.leased) yield ["the lease ends", { ...from, row: { ...row, leased: false } }];
  for (const [i, delivery] of from.deliveries.entries()) {
    const become: Become = (change, rest = {}) => ({
      ...from,
      ...rest,
      deliveries: from.deliveries.map((one, j) => (i === j ? { ...one, ...change } : one)),
    });
    const who = `${delivery.body === unreadable ? "the unreadable body" : delivery.body} (${i})`;
    for (const [what, next] of ofDelivery(from, delivery, become, rule)) yield [`${who} ${what}`, next];
  }
}

function* ofDelivery(from: Situation, delivery: Delivery, become: Become, rule: Rule): Generator<Branch> {
  const { body, at, answer, owns } = delivery;
  if (at !== "idle") yield ["dies with its worker", become(idle)];
  if (at === "idle" && !from.row.leased && !from.buried.includes(body))
    yield ["claims", claim(from, body, become, rule)];
  if (at === "asks") yield ["hears", become({ at: answer === "" || answer === body ? "runs" : "buries" })];
  if (at === "runs") yield* ofRunning(from.row, owns, become);
  if (at === "buries") {
    const row = owns ? ({ ...from.row, state: "pending", leased: false } as const) : from.row;
    yield ["is buried", become(idle, { row, buried: [...new Set([...from.buried, body])].sort() })];
  }
}

function* ofRunning(row: Row, owns: boolean, become: Become): Generator<Branch> {
  if (owns) yield ["ends the attempt", become(idle, { ended: true })];
  for (const [what, after] of abandoned(row)) yield [what, become(idle, owns ? { row: after } : {})];
}

function claim(from: Situation, body: string, become: Become, rule: Rule): Situation {
  const payloadDigest = from.row.state === "none" ? body : rule(from.row, body);
  const row = { ...from.row, state: "running", leased: true, payloadDigest } as const;
  const { deliveries } = become({ at: "asks", answer: payloadDigest });
  return { ...from, row, deliveries: deliveries.map((one, i) => ({ ...one, owns: one !== from.deliveries[i] })) };
}

function abandoned(row: Row): readonly (readonly [string, Row])[] {
  const free = { ...row, state: "pending", leased: false } as const;
  return [
    ["binds the row", { ...free, bodyBound: row.bodyBound || row.payloadDigest !== "" }],
    ["forgets its body", row.bodyBound ? free : { ...free, payloadDigest: "" }],
  ];
}
