// What an SQS error means, in either spelling, of a call or of an entry.
import assert from "node:assert/strict";
import { test } from "node:test";
import { Fault } from "../../../core/faults.ts";
import { queueFault, type Symptoms, type Trouble, troubleFrom, troubleOf } from "../../../core/queue/sqs/errors.ts";

const expired = "Value AQEB for parameter ReceiptHandle is invalid. Reason: The receipt handle has expired.";
const unavailable =
  "Value AQEB for parameter ReceiptHandle is invalid. Reason: Message does not exist or is not available for visibility timeout change.";

const rows: readonly [Trouble, Partial<Symptoms>][] = [
  ["gone", { codes: ["MessageNotInflight"] }],
  ["gone", { codes: ["AWS.SimpleQueueService.MessageNotInflight"] }],
  ["gone", { codes: ["ReceiptHandleIsInvalid"], status: 404 }],
  ["gone", { codes: ["InvalidParameterValue"], message: expired, status: 400 }],
  ["gone", { codes: ["InvalidParameterValue"], message: unavailable, status: 400 }],
  [
    "refused",
    { codes: ["InvalidParameterValue"], message: "Total VisibilityTimeout is beyond the limit", status: 400 },
  ],
  ["missing", { codes: ["QueueDoesNotExist"], status: 400 }],
  ["missing", { codes: ["SQSServiceException", "AWS.SimpleQueueService.NonExistentQueue"], status: 400 }],
  ["throttled", { codes: ["RequestThrottled"], status: 403 }],
  ["throttled", { codes: ["ThrottlingException"], status: 400 }],
  ["throttled", { codes: ["KmsThrottled", "KMS.ThrottlingException"], status: 400 }],
  ["throttled", { codes: ["OverLimit"], status: 403 }],
  ["throttled", { codes: ["Unknown"], status: 429 }],
  ["denied", { codes: ["AccessDeniedException"], status: 400 }],
  ["refused", { codes: ["Unknown"], status: 403 }],
  ["unsigned", { codes: ["CredentialsProviderError"] }],
  ["keys", { codes: ["InvalidClientTokenId"], status: 403 }],
  ["keys", { codes: ["SignatureDoesNotMatch"], message: "The request signature we calculated does not match" }],
  ["clock", { codes: ["SignatureDoesNotMatch"], message: "Signature expired: 20261130T020000Z is now earlier than …" }],
  ["clock", { codes: ["InvalidSignatureException"], message: "Signature not yet current: 20261130T040000Z is …" }],
  ["unreachable", { codes: ["TimeoutError"] }],
  ["unreachable", { codes: ["InternalFailure"], status: 500 }],
  ["unreachable", { codes: ["SyntaxError"], status: 502 }],
];

for (const [trouble, symptoms] of rows) {
  test(`an error with ${JSON.stringify(symptoms)} is ${trouble}`, () => {
    assert.equal(troubleFrom({ codes: [], message: "", status: null, ...symptoms }), trouble);
  });
}

test("the name, the legacy code and the status of an error count", () => {
  const error = Object.assign(new Error("no"), { Code: "AWS.SimpleQueueService.NonExistentQueue", name: "Odd" });
  assert.equal(troubleOf(error), "missing");
  assert.equal(troubleOf(Object.assign(new Error("no"), { $metadata: { httpStatusCode: 503 } })), "unreachable");
  assert.equal(troubleOf("not an error"), "unreachable");
});

test("a missing region is a fault of a setting, not of a queue", () => {
  const fault = queueFault("ReceiveMessage", "steps", new Error("Region is missing"));
  assert.deepEqual(
    [fault.code, fault.message, fault.hint],
    ["TQ_CONFIG", "no AWS region is set for the queue steps", "Set AWS_REGION."],
  );
});

test("the fault of a refused request has the words of SQS as its cause", () => {
  const cause = Object.assign(new Error("Message must be shorter than 1048576 bytes."), {
    name: "InvalidParameterValue",
    $metadata: { httpStatusCode: 400 },
  });
  const fault = queueFault("SendMessage", "steps-dlq", cause);
  assert.equal(fault.message, "SQS refuses SendMessage on the queue steps-dlq");
  assert.equal(fault.cause, cause);
});

test("a Fault stays what it is", () => {
  const fault = new Fault("TQ_CONFIG", "no");
  assert.equal(queueFault("SendMessage", "steps", fault), fault);
});
