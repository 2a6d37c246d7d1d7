// SIGKILL in the places that no step can show: received but not claimed, claimed but not started, settled but not deleted, copied to the dead
// letter queue but not deleted. One worker stands in all four at once when its container ends.
import assert from "node:assert/strict";
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { afterEach, describe, test } from "node:test";
import { anatomyOf, signalAll } from "../chaos/anatomy.ts";
import { Deployment } from "../support/deployment.ts";
import { eventually } from "../support/eventually.ts";
import { createQueues } from "../support/local-sqs.ts";
import { recordedOnce } from "../support/recorded-once.ts";
import { type SqsServer, startSqsServer } from "../support/sqs-server/http.ts";
import { asLocalSqs } from "../support/sqs-server/local.ts";

describe("a worker killed between two effects", () => {
  let deployment: Deployment;
  let server: SqsServer;
  afterEach(async (t) => {
    await deployment.explain(t);
    await deployment.close();
  });

  test("loses nothing and repeats nothing", async () => {
    server = await startSqsServer();
    const sqs = asLocalSqs(server);
    deployment = new Deployment(sqs, await createQueues(sqs, "steps", { maxReceiveCount: 50 }));
    const first = await deployment.startWorker({ id: "worker-1" });
    // Every delete hangs, and with it the delivery: its outcome is durable, its message is not gone.
    server.faults.otherwise((action) => (action === "DeleteMessageBatch" ? { kind: "cut", effect: "before" } : null));
    const settled = await launch();
    await eventually("it is settled", () => stateOf(settled.runId) === "completed");
    await deployment.send({ body: "not an envelope", groupId: "malformed", deduplicationId: "malformed" });
    await eventually(
      "the malformed message is a dead letter",
      async () => (await deployment.deadLetters()).length === 1,
    );
    signalAll([anatomyOf(first).host ?? 0], "SIGSTOP");
    const claimed = await launch();
    await eventually("it is claimed", () => stateOf(claimed.runId) === "running");
    const ledger = lockLedger();
    const received = await launch();
    await eventually("it is received", async () => {
      return (await deployment.queued()).some(({ groupId, receiveCount }) => {
        return groupId === `${received.runId}:count` && receiveCount > 0;
      });
    });
    await first.killContainer();
    ledger.close();
    server.faults.clear();

    assert.deepEqual([executions(settled), executions(claimed), executions(received)], [1, 0, 0]);
    assert.deepEqual([stateOf(claimed.runId), stateOf(received.runId)], ["running", undefined]);
    assert.equal((await deployment.queued()).length, 4, "nothing is deleted");
    await deployment.startWorker({ id: "worker-2" });
    for (const { runId } of [settled, claimed, received]) {
      assert.equal(await deployment.dagster.finished(runId), "SUCCESS");
      await recordedOnce(deployment, runId);
    }
    assert.deepEqual([executions(settled), executions(claimed), executions(received)], [1, 1, 1]);
    const [row] = deployment.ledger(settled.runId);
    assert.deepEqual([row?.owner, row?.fence], ["worker-1", 1], "what was settled was only deleted");
    assert.equal((await deployment.deadLetters()).length, 1, "the second copy is recognised as the first");
  });

  async function launch(): Promise<{ readonly runId: string; readonly trace: string }> {
    const { trace } = deployment.files();
    const runId = await deployment.dagster.launch("counts_runs", { ops: { count: { config: { file: trace } } } });
    return { runId, trace };
  }

  function stateOf(runId: string): string | undefined {
    return deployment.ledger(runId)[0]?.state;
  }

  /** Until it is closed, as another process's transaction would. */
  function lockLedger(): DatabaseSync {
    const db = new DatabaseSync(join(deployment.home, "taskiq.sqlite"));
    db.exec("PRAGMA busy_timeout = 10000");
    db.exec("BEGIN IMMEDIATE");
    return db;
  }
});

function executions({ trace }: { readonly trace: string }): number {
  return existsSync(trace) ? readFileSync(trace, "utf8").split("\n").length - 1 : 0;
}
