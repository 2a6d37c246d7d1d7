// SIGKILL in the places that no step can show: claimed but not started, settled but not deleted,
// copied to the dead letter queue but not deleted. One worker stands in all three at once when its
// container ends.
import assert from "node:assert/strict";
import { existsSync, readFileSync } from "node:fs";
import { afterEach, describe, test } from "node:test";
import { anatomyOf, signalAll } from "../chaos/anatomy.ts";
import { eventually } from "../support/eventually.ts";
import { recordedOnce } from "../support/ledger/recorded-once.ts";
import { createQueues } from "../support/sqs/local-sqs.ts";
import { type SqsServer, startSqsServer } from "../support/sqs/server/http.ts";
import { asLocalSqs } from "../support/sqs/server/local.ts";
import { Deployment } from "../support/taskiq/deployment.ts";

describe("a worker killed between two effects", () => {
  let deployment: Deployment;
  let server: SqsServer;
  afterEach(async (t) => {
    await deployment.explain(t);
    await deployment.close();
  });

  test("a worker killed between two effects loses nothing and repeats nothing", async () => {
    server = await startSqsServer();
    const sqs = asLocalSqs(server);
    deployment = new Deployment(sqs, await createQueues(sqs, "steps", { maxReceiveCount: 50 }));
    const first = await deployment.startWorker({ id: "worker-1" });
    // Every delete hangs, and with it the delivery: its outcome is durable, its message is not
    // gone.
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
    await first.killContainer();
    server.faults.clear();

    assert.deepEqual([executions(settled), executions(claimed)], [1, 0]);
    assert.equal(stateOf(claimed.runId), "running");
    assert.equal((await deployment.queued()).length, 3, "nothing is deleted");
    await deployment.startWorker({ id: "worker-2" });
    for (const { runId } of [settled, claimed]) {
      assert.equal(await deployment.dagster.finished(runId), "SUCCESS");
      await recordedOnce(deployment, runId);
    }
    assert.deepEqual([executions(settled), executions(claimed)], [1, 1]);
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
});

function executions({ trace }: { readonly trace: string }): number {
  return existsSync(trace) ? readFileSync(trace, "utf8").split("\n").length - 1 : 0;
}
