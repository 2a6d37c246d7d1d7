// A site: where the requests for a queue go, which region they are signed for, and the SDK's
// clients for it. Long polls have a client of their own, so that no number of them can keep a
// heartbeat or a delete waiting for a socket.
import { SQSClient, type SQSClientConfig } from "@aws-sdk/client-sqs";
import type { NodeHttpHandler } from "@smithy/node-http-handler";
import type { Clock } from "../../clock.ts";
import { describeError } from "../../faults.ts";
import { until } from "../../on-abort.ts";
import { NoAnswer } from "../../time-limits.ts";
import type { Credentials, Identity } from "./credentials.ts";
import { areKeysRefused } from "./errors.ts";
import { type HttpSettings, openHttp } from "./http.ts";

export interface SitePlace {
  /** `undefined` leaves it to the SDK: profile, then nothing. */
  readonly region: string | undefined;
  /** `undefined` means AWS's own of that region. */
  readonly endpoint: string | undefined;
}

export interface SiteTimes {
  /** How long one try of any call but a long poll may take. */
  readonly callMs: number;
  /** How much longer than its own wait a long poll may take. */
  readonly pollMarginMs: number;
}

export interface SitePorts {
  readonly clock: Pick<Clock, "deadline">;
  readonly credentials: Credentials;
  readonly http: HttpSettings;
  readonly logger: NonNullable<SQSClientConfig["logger"]>;
  readonly times: SiteTimes;
  /** Aborts when the queue is closed: every wait then ends. */
  readonly closed: AbortSignal;
  readonly hearTime: ((serverMs: number) => void) | undefined;
}

/** Sends one command. */
export type Ask<T> = (client: SQSClient, options: { readonly abortSignal: AbortSignal }) => Promise<T>;

/** No credentials could be had. */
export class NoCredentials extends Error {
  override readonly name = "NoCredentials";
}

const TRIES = 3;

export class Site {
  readonly #ports: SitePorts;
  readonly #handlers: readonly NodeHttpHandler[];
  readonly #polls: SQSClient;
  readonly #calls: SQSClient;

  constructor({ region, endpoint }: SitePlace, ports: SitePorts) {
    this.#ports = ports;
    const [polls, calls] = [openHttp(ports.http, null), openHttp(ports.http, ports.times.callMs)];
    this.#handlers = [polls, calls];
    const shared: SQSClientConfig = {
      retryMode: "standard",
      logger: ports.logger,
      // Without this mark the SDK would keep what it was given once, whatever is dropped here.
      credentials: Object.assign(() => ports.credentials.provide(), { memoized: true }),
      // Where requests go is decided here, not by a warning in the middle of a call.
      useQueueUrlAsEndpoint: false,
      ...(region === undefined ? {} : { region }),
      // With an endpoint given, the SDK would refuse AWS_USE_FIPS_ENDPOINT and the like.
      ...(endpoint === undefined ? {} : { endpoint, useFipsEndpoint: false, useDualstackEndpoint: false }),
    };
    // A retry by the SDK would reuse our ReceiveRequestAttemptId, which is wrong after a throttle.
    this.#polls = new SQSClient({ ...shared, maxAttempts: 1, requestHandler: polls });
    this.#calls = new SQSClient({ ...shared, maxAttempts: TRIES, requestHandler: calls });
    if (ports.hearTime !== undefined) tellTime(this.#calls, ports.hearTime);
  }

  /**
   * Any call but a long poll; the SDK tries three times. Finding credentials counts in its
   * deadline.
   */
  async call<T>(ask: Ask<T>): Promise<T> {
    const { clock, times, closed } = this.#ports;
    const deadline = clock.deadline((TRIES + 1) * times.callMs, [closed]);
    return await this.#send(this.#calls, ask, deadline.signal).finally(deadline.clear);
  }

  /** One try. `cut` ends it sooner. */
  async poll<T>(waitMs: number, cut: AbortSignal | undefined, ask: Ask<T>): Promise<T> {
    const { clock, times, closed } = this.#ports;
    const sooner = cut === undefined ? [closed] : [closed, cut];
    const deadline = clock.deadline(waitMs + times.pollMarginMs, sooner);
    return await this.#send(this.#polls, ask, deadline.signal).finally(deadline.clear);
  }

  close(): void {
    for (const client of [this.#polls, this.#calls]) client.destroy();
    for (const handler of this.#handlers) handler.destroy();
  }

  /** Keys that AWS refuses may have been replaced: with other ones it is asked once more. */
  async #send<T>(client: SQSClient, ask: Ask<T>, deadline: AbortSignal): Promise<T> {
    const once = () => until(deadline, ask(client, { abortSignal: deadline }));
    const used = await this.#identity(deadline);
    try {
      return await once();
    } catch (error) {
      if (!areKeysRefused(error)) throw error;
      this.#ports.credentials.drop(used);
      const fresh = await this.#identity(deadline);
      if (areSame(used, fresh)) throw error;
    }
    return await once();
  }

  async #identity(signal: AbortSignal): Promise<Identity> {
    try {
      return await until(signal, this.#ports.credentials.provide());
    } catch (cause) {
      if (signal.aborted && !(cause instanceof NoAnswer)) throw cause;
      throw noCredentials(cause);
    }
  }
}

/** Before the answer is understood: a refused one names the time as well. */
function tellTime(client: SQSClient, hear: (serverMs: number) => void): void {
  client.middlewareStack.add(
    (next) => async (args) => {
      const result = await next(args);
      const { headers = {} } = result.response as { readonly headers?: Readonly<Record<string, string>> };
      const serverMs = Date.parse(headers["date"] ?? "");
      if (!Number.isNaN(serverMs)) hear(serverMs);
      return result;
    },
    { step: "deserialize", priority: "low", name: "tellTime" },
  );
}

/** Its message has all that is known, once. */
function noCredentials(why: unknown): NoCredentials {
  return new NoCredentials(why instanceof NoAnswer ? `their source gives ${why.message}` : describeError(why));
}

function areSame(a: Identity, b: Identity): boolean {
  return (["accessKeyId", "secretAccessKey", "sessionToken"] as const).every((part) => a[part] === b[part]);
}
