// What SQS says no with. Thrown by the model's rules, turned into an HTTP answer or a failed batch
// entry at the edge.

/**
 * `code` is the JSON protocol's name of the error; `AWS.SimpleQueueService.…` and the like are the
 * query protocol's (service model, `awsQueryError`).
 */
export class Refusal extends Error {
  readonly code: string;
  readonly senderFault: boolean;

  constructor(code: string, message: string, senderFault = true) {
    super(message);
    this.code = code;
    this.senderFault = senderFault;
  }

  get legacyCode(): string {
    return LEGACY_CODES.get(this.code) ?? this.code;
  }

  get status(): number {
    return STATUSES.get(this.code) ?? (this.senderFault ? 400 : 500);
  }
}

const LEGACY_CODES = new Map([
  ["QueueDoesNotExist", "AWS.SimpleQueueService.NonExistentQueue"],
  ["QueueNameExists", "QueueAlreadyExists"],
  ...[
    "BatchEntryIdsNotDistinct",
    "BatchRequestTooLong",
    "EmptyBatchRequest",
    "InvalidBatchEntryId",
    "MessageNotInflight",
    "TooManyEntriesInBatchRequest",
    "UnsupportedOperation",
  ].map((code) => [code, `AWS.SimpleQueueService.${code}`] as const),
]);

const STATUSES = new Map([
  ["OverLimit", 403],
  ["RequestThrottled", 403],
  ["ReceiptHandleIsInvalid", 404],
]);

export function invalidParameter(name: string, value: unknown, reason: string): Refusal {
  return new Refusal("InvalidParameterValue", `Value ${value} for parameter ${name} is invalid. Reason: ${reason}`);
}

export function missingParameter(name: string): Refusal {
  return new Refusal("MissingParameter", `The request must contain the parameter ${name}.`);
}

export function expiredReceipt(receipt: string): Refusal {
  return invalidParameter("ReceiptHandle", receipt, "The receipt handle has expired.");
}

export function notForThisType(name: string, value: unknown): Refusal {
  return invalidParameter(name, value, "The request include parameter that is not valid for this queue type");
}
