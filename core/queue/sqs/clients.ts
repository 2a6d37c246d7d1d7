// The two SDK clients. Long polls have their own, so that no number of them can keep a heartbeat or a delete waiting for a socket, and
// so that neither is ever cancelled by whatever stops the polling.
import { SQSClient, type SQSClientConfig } from "@aws-sdk/client-sqs";
import type { Observe } from "../../observe.ts";

export interface SqsConnection {
  /** Else from the queue's URL, else from wherever the SDK looks. */
  readonly region?: string | undefined;
  /** For anything that is not AWS itself: an emulator, a VPC endpoint. */
  readonly endpoint?: string | undefined;
  /** Else from wherever the SDK looks. */
  readonly credentials?: {
    readonly accessKeyId: string;
    readonly secretAccessKey: string;
    readonly sessionToken?: string;
  };
  /** How long any call but a long poll may take; 5 000. */
  readonly callTimeoutMs?: number;
  /** How much longer than its own wait a long poll may take; 5 000. */
  readonly pollMarginMs?: number;
}

export interface SqsClients {
  /** ReceiveMessage alone; retried and given a deadline by `receive.ts`, never by the SDK. */
  readonly polls: SQSClient;
  readonly calls: SQSClient;
  readonly pollMarginMs: number;
}

const CALL_TIMEOUT_MS = 5_000;
const POLL_MARGIN_MS = 5_000;
const CONNECT_TIMEOUT_MS = 2_000;

export function openClients(connection: SqsConnection, queueUrl: string | null, observe: Observe): SqsClients {
  const pollMarginMs = connection.pollMarginMs ?? POLL_MARGIN_MS;
  const shared = sharedConfig(connection, queueUrl, observe);
  return {
    // A retry by the SDK would reuse our ReceiveRequestAttemptId, which is wrong after a throttle.
    polls: new SQSClient({ ...shared, maxAttempts: 1, requestHandler: { connectionTimeout: CONNECT_TIMEOUT_MS } }),
    calls: new SQSClient({
      ...shared,
      maxAttempts: 3,
      requestHandler: timeouts(connection.callTimeoutMs ?? CALL_TIMEOUT_MS),
    }),
    pollMarginMs,
  };
}

function sharedConfig(connection: SqsConnection, queueUrl: string | null, observe: Observe): SQSClientConfig {
  const { endpoint, credentials } = connection;
  const region = connection.region ?? regionOf(queueUrl);
  return {
    retryMode: "standard",
    logger: sdkLogger(observe),
    ...(region === undefined ? {} : { region }),
    ...(endpoint === undefined ? {} : { endpoint }),
    ...(credentials === undefined ? {} : { credentials }),
  };
}

// The SDK's defaults never time out, and its `requestTimeout` only logs unless told to throw. The socket timeout covers what the
// request timeout does not: an answer whose head came and whose body never does.
function timeouts(ms: number) {
  return {
    connectionTimeout: CONNECT_TIMEOUT_MS,
    requestTimeout: ms,
    socketTimeout: ms,
    throwOnRequestTimeout: true,
  };
}

// Without a logger the SDK falls back to the console for warnings.
function sdkLogger(observe: Observe): NonNullable<SQSClientConfig["logger"]> {
  const silent = () => undefined;
  const warn = (...said: unknown[]) =>
    observe({ event: "queue.sdk_warning", level: "debug", message: said.map(String).join(" ") });
  return { trace: silent, debug: silent, info: silent, warn, error: silent };
}

/** A queue URL of AWS names its region: signing for another one fails. */
function regionOf(queueUrl: string | null): string | undefined {
  const match = /^https:\/\/(?:sqs\.([a-z0-9-]+)|([a-z0-9-]+)\.queue)\.(?:amazonaws\.com|api\.aws)/.exec(
    queueUrl ?? "",
  );
  return match?.[1] ?? match?.[2];
}
