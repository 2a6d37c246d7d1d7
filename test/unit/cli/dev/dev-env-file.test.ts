// A project's `.env` and `taskiq dev`: Dagster prefers the file to its environment.
import assert from "node:assert/strict";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type TestContext, test } from "node:test";
import { requireFitEnvFile } from "../../../../cli/dev/env-file.ts";

const variables = {
  DAGSTER_HOME: "/project/.taskiq",
  TASKIQ_LOCAL_SQS: "http://127.0.0.1:1",
  TASKIQ_QUEUE_URL: "http://127.0.0.1:1/000000000000/steps.fifo",
};

function judge(t: TestContext, text: string): void {
  const directory = mkdtempSync(join(tmpdir(), "taskiq-env-"));
  t.after(() => rmSync(directory, { recursive: true }));
  const path = join(directory, ".env");
  writeFileSync(path, text);
  requireFitEnvFile(path, variables, ["steps.fifo"]);
}

test("a file that leads Dagster to another home or queue is refused, with what to type", (t) => {
  const text =
    "# mine\nDAGSTER_HOME='/opt/home'\nexport TASKIQ_QUEUE_URL=https://sqs.eu-west-1.amazonaws.com/1/orders.fifo\n";
  assert.throws(() => judge(t, text), {
    code: "TQ_CONFIG",
    message: new RegExp(
      [
        "\\.env points Dagster elsewhere:",
        "DAGSTER_HOME=/opt/home: start with --dagster-home /opt/home, or take it out",
        "TASKIQ_QUEUE_URL=\\S+: start with --queue-name orders\\.fifo, or take it out$",
      ].join("\n"),
    ),
  });
});

test("the same home, a queue of the same name, and everything else are left alone", (t) => {
  judge(t, 'DAGSTER_HOME="/project/.taskiq"\nTASKIQ_QUEUE_URL=https://sqs.eu-west-1.amazonaws.com/1/steps.fifo\nA=1\n');
  requireFitEnvFile("/not/there/.env", variables, []);
});
