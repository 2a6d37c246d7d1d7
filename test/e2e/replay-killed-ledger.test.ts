// `taskiq replay`, killed with SIGKILL while PostgreSQL is at one of its writes. That write is
// rolled back, or is committed without an answer. A second start with the same arguments ends as if
// nothing had happened. replay-killed.test.ts kills it at every request to SQS.
import assert from "node:assert/strict";
import { describe, type TestContext, test } from "node:test";
import { eventually } from "../support/eventually.ts";
import { ledgerDatabases } from "../support/ledger/ledger-database.ts";
import { type Buried, buryThree, replayedOnce } from "../support/ledger/replayed-once.ts";
import { ALL_SHOWN_MS, type Desk, openDesk, YES } from "../support/taskiq/operators-desk.ts";

/**
 * Of three letters, two of them of one group, so that they go in two rounds: every write, in order.
 */
const WRITES = [
  ...["a planned", "a reopened", "c planned", "c reopened"],
  ...["a sent", "c sent", "a deleted", "c deleted"],
  ...["b planned", "b reopened", "b sent", "b deleted"],
];
const APPLICATION = "taskiq operator";

const databases = await ledgerDatabases();
let gates = 0;

interface Gated extends Desk {
  readonly buried: Buried;
  /** What was written, in order. */
  writes(): Promise<readonly string[]>;
  /** Holds the write of that number, 0 for the first. Resolves when a replay has begun it. */
  heldAt(write: number): Promise<{ readonly rollBack: () => Promise<void>; readonly commit: () => Promise<void> }>;
}

/** The letters are buried already: what a gate sees is of a replay. */
async function gatedDesk(t: TestContext): Promise<Gated> {
  const { admin, target, open } = await databases.make(t);
  const url = `postgresql://${target.user}@${target.host}:${target.port}/${target.database}?sslmode=disable`;
  const desk = await openDesk(t, { ledger: { url, open } });
  const buried = await buryThree(desk);
  gates += 1;
  const gate = gates;
  await admin.unsafe(gateSql(gate));
  const writes = async () => (await admin`SELECT what FROM gate_told ORDER BY nth`).map(({ what }) => String(what));
  const heldAt: Gated["heldAt"] = async (write) => {
    const keeper = await admin.reserve();
    await keeper`SELECT pg_advisory_lock(${gate}, ${write})`;
    const waiting = () =>
      admin`SELECT pid FROM pg_locks WHERE locktype = 'advisory' AND classid = ${gate}::oid AND NOT granted`;
    const [found] = await eventually("a write is held", async () => {
      const held = await waiting();
      return held.length > 0 && held;
    });
    const end = async () => {
      keeper.release();
      const others = () => admin`SELECT 1 FROM pg_stat_activity WHERE application_name = ${APPLICATION}`;
      await eventually("the killed one's connections are gone", async () => (await others()).length === 0);
    };
    return {
      rollBack: async () => {
        await admin`SELECT pg_terminate_backend(${found?.["pid"]})`;
        await eventually("it waits no more", async () => (await waiting()).length === 0);
        await keeper`SELECT pg_advisory_unlock(${gate}, ${write})`;
        await end();
      },
      commit: async () => {
        await keeper`SELECT pg_advisory_unlock(${gate}, ${write})`;
        await end();
      },
    };
  };
  return { ...desk, buried, writes, heldAt };
}

/**
 * Each write takes a lock of its number, which a test may have; numbers are given once, whatever is
 * rolled back.
 */
function gateSql(gate: number): string {
  return `CREATE SEQUENCE gate_writes MINVALUE 0 START 0;
    CREATE TABLE gate_told (nth bigint, what text);
    CREATE FUNCTION gate() RETURNS trigger LANGUAGE plpgsql AS $$
    DECLARE
      nth bigint := nextval('gate_writes');
      of_replay boolean := TG_TABLE_NAME = 'taskiq_replays';
      key text := CASE WHEN of_replay THEN to_jsonb(NEW)->>'subject' ELSE to_jsonb(NEW)->>'idempotency_key' END;
    BEGIN
      PERFORM pg_advisory_xact_lock(${gate}, nth::int);
      INSERT INTO gate_told
        VALUES (nth, split_part(key, ':', 2) || ' ' || CASE WHEN of_replay THEN to_jsonb(NEW)->>'state' ELSE 'reopened' END);
      RETURN NEW;
    END $$;
    CREATE TRIGGER gate BEFORE INSERT OR UPDATE ON taskiq_replays FOR EACH ROW EXECUTE FUNCTION gate();
    CREATE TRIGGER gate BEFORE INSERT ON taskiq_reopenings FOR EACH ROW EXECUTE FUNCTION gate();`;
}

describe("replay that is killed at a write to the ledger", () => {
  test("replay makes exactly the writes to the ledger that the tests kill it at", async (t) => {
    const desk = await gatedDesk(t);
    const { code, stderr } = await desk.replay();
    assert.equal(code, 0, stderr);
    assert.deepEqual(await desk.writes(), WRITES);
    await replayedOnce(desk, desk.buried, "deleted");
  });

  for (const [nth, what] of WRITES.entries()) {
    for (const how of ["rolled back", "committed unheard"] as const) {
      test(`replay killed at the write ${what}, ${how}, loses no letter and sends none twice`, async (t) => {
        const desk = await gatedDesk(t);
        const { child, ended } = desk.start(YES);
        const held = await desk.heldAt(nth);
        child.kill("SIGKILL");
        assert.equal((await ended).signal, "SIGKILL");
        await (how === "committed unheard" ? held.commit() : held.rollBack());
        assert.equal((await desk.writes()).length, how === "committed unheard" ? nth + 1 : nth);
        desk.clock.skip(ALL_SHOWN_MS);
        const again = await desk.replay();
        assert.equal(again.code, 0, again.stderr);
        await replayedOnce(desk, desk.buried, what.endsWith("deleted") ? "deleted or gone" : "deleted");
      });
    }
  }
});
