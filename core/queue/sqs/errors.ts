// The meaning of each SQS error. It is one table, because the same failure has two spellings. One
// is the SDK's error name, the other the query protocol's legacy code (SQS speaks JSON with
// `awsQueryCompatible`). Batch entries carry only the code.
import { Fault } from "../../faults.ts";

/**
 * - `gone`: the receipt is no longer good.
 * - `throttled`: asked too often.
 * - `denied`: AWS says that a permission is missing.
 * - `missing`: no such queue.
 * - `unsigned`: no credentials to sign with.
 * - `keys`: AWS does not accept the credentials.
 * - `clock`: AWS does not accept this machine's time.
 * - `refused`: the request itself is wrong.
 * - `unreachable`: no usable answer, so the effect may or may not have happened.
 */
export type Trouble =
  | "gone"
  | "throttled"
  | "denied"
  | "missing"
  | "unsigned"
  | "keys"
  | "clock"
  | "refused"
  | "unreachable";

/** What is known of one failure, of a call or of one entry of a batch. */
export interface Symptoms {
  readonly codes: readonly string[];
  readonly message: string;
  /** HTTP status; null when there was no answer, or for an entry of a batch. */
  readonly status: number | null;
}

const CODES: ReadonlyMap<string, Trouble> = new Map([
  ...named("gone", ["MessageNotInflight", "ReceiptHandleIsInvalid"]),
  ...named("throttled", [
    "RequestThrottled",
    "RequestThrottledException",
    "Throttling",
    "ThrottlingException",
    "ThrottledException",
    "TooManyRequestsException",
    "RequestLimitExceeded",
    "SlowDown",
    "KmsThrottled",
    // A standard queue with some 120,000 messages in flight; it passes as they are acked.
    "OverLimit",
  ]),
  ...named("denied", [
    "AccessDenied",
    "AccessDeniedException",
    "OptInRequired",
    "KmsAccessDenied",
    "KmsDisabled",
    "KmsInvalidKeyUsage",
    "KmsInvalidState",
    "KmsNotFound",
    "KmsOptInRequired",
  ]),
  ...named("unsigned", ["NoCredentials", "CredentialsProviderError", "TokenProviderError"]),
  ...named("keys", [
    "InvalidClientTokenId",
    "InvalidAccessKeyId",
    "UnrecognizedClientException",
    "SignatureDoesNotMatch",
    "InvalidSignatureException",
    "IncompleteSignature",
    "MissingAuthenticationToken",
    "ExpiredToken",
    "ExpiredTokenException",
    "InvalidSecurity",
  ]),
  ...named("clock", ["RequestExpired", "RequestTimeTooSkewed", "RequestInTheFuture"]),
  ...named("missing", ["QueueDoesNotExist", "NonExistentQueue", "InvalidAddress"]),
]);

// SQS says both of these as InvalidParameterValue, with nothing but the message to tell them from a
// bad parameter. And this one as a signature that does not match.
const WRONG_TIME = /signature (?:expired|not yet current)/i;
const EXPIRED_RECEIPT = /receipt handle has expired|not available for visibility timeout change/i;

export function troubleOf(error: unknown): Trouble {
  return troubleFrom(symptomsOf(error));
}

export function troubleFrom({ codes, message, status }: Symptoms): Trouble {
  if (EXPIRED_RECEIPT.test(message)) return "gone";
  if (WRONG_TIME.test(message)) return "clock";
  for (const code of codes) {
    const trouble = CODES.get(code.replace(/^AWS\.SimpleQueueService\./, ""));
    if (trouble !== undefined) return trouble;
  }
  if (status === 429) return "throttled";
  return status !== null && status >= 400 && status < 500 ? "refused" : "unreachable";
}

/** Other credentials may be accepted. */
export function areKeysRefused(error: unknown): boolean {
  return troubleOf(error) === "keys";
}

/**
 * The Fault for a call that failed as a whole. `action` is SQS's own name of it, `queue` its URL or
 * name.
 */
export function queueFault(action: string, queue: string, error: unknown): Fault {
  if (error instanceof Fault) return error;
  const { message } = symptomsOf(error);
  if (message === "Region is missing") {
    return new Fault("TQ_CONFIG", `no AWS region is set for the queue ${queue}`, {
      hint: "Set AWS_REGION.",
      cause: error,
    });
  }
  return WORDING[troubleOf(error)](action, queue, error);
}

const WORDING: Readonly<Record<Trouble, (action: string, queue: string, cause: unknown) => Fault>> = {
  missing: (_action, queue, cause) =>
    new Fault("TQ_QUEUE_MISSING", `the queue ${queue} does not exist`, {
      hint: "Check the queue's URL or name, the region, and which account the credentials belong to.",
      cause,
    }),
  denied: (action, queue, cause) =>
    new Fault("TQ_QUEUE_DENIED", `AWS does not allow ${action} on the queue ${queue}`, {
      hint: `Check that the policy of the credentials grants sqs:${action}.`,
      cause,
    }),
  unsigned: (action, queue, cause) =>
    new Fault("TQ_CREDENTIALS", `no AWS credentials for ${action} on the queue ${queue}`, {
      hint: "Check the role of the task, pod or instance, or the profile and variables that name credentials.",
      cause,
    }),
  keys: (action, queue, cause) =>
    new Fault("TQ_CREDENTIALS_REFUSED", `AWS does not accept the credentials for ${action} on the queue ${queue}`, {
      hint: "Check that they are current and belong to this partition of AWS.",
      cause,
    }),
  clock: (action, queue, cause) =>
    new Fault("TQ_CREDENTIALS_REFUSED", `AWS does not accept this machine's time in ${action} on the queue ${queue}`, {
      hint: "Set the clock: AWS accepts five minutes of difference.",
      cause,
    }),
  throttled: (action, queue, cause) =>
    new Fault("TQ_QUEUE", `SQS throttles ${action} on the queue ${queue}`, {
      hint: "Poll less often, or ask AWS for a higher quota.",
      cause,
    }),
  refused: (action, queue, cause) => new Fault("TQ_QUEUE", `SQS refuses ${action} on the queue ${queue}`, { cause }),
  gone: (action, queue, cause) =>
    new Fault("TQ_QUEUE", `SQS no longer accepts the receipt in ${action} on the queue ${queue}`, { cause }),
  unreachable: (action, queue, cause) =>
    new Fault("TQ_QUEUE", `SQS does not answer ${action} on the queue ${queue}`, {
      hint: "Check the network, the endpoint and the region.",
      cause,
    }),
};

function symptomsOf(error: unknown): Symptoms {
  if (!(error instanceof Error)) return { codes: [], message: String(error), status: null };
  const { Code: legacy, $metadata: metadata } = error as { Code?: unknown; $metadata?: { httpStatusCode?: number } };
  // The SDK takes an error's name and message out of the answer, whatever they are there.
  const codes = [error.name, legacy].filter((code) => typeof code === "string");
  return { codes, message: String(error.message), status: metadata?.httpStatusCode ?? null };
}

function named(trouble: Trouble, codes: readonly string[]): (readonly [string, Trouble])[] {
  return codes.map((code) => [code, trouble] as const);
}
