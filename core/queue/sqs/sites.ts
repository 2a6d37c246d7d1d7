// One site for each endpoint and region that the queues of a worker are at, all with the same
// credentials.
import type { SQSClientConfig } from "@aws-sdk/client-sqs";
import type { NodeHttpHandler } from "@smithy/node-http-handler";
import type { Clock } from "../../clock.ts";
import type { Observe } from "../../observe.ts";
import { placeOf } from "../queue-place.ts";
import { Credentials, type Identity } from "./credentials.ts";
import { type CredentialSources, credentialsChain } from "./credentials-chain.ts";
import { type HttpSettings, openHttp } from "./http.ts";
import { NO_PROXIES } from "./proxies.ts";
import { Site, type SitePlace, type SitePorts } from "./site.ts";

export interface SqsConnection {
  /** Of queues whose URL names none. Else from wherever the SDK looks. */
  readonly region?: string | undefined;
  /** Where every request goes, whatever the queues' URLs say: an emulator, a VPC endpoint. */
  readonly endpoint?: string | undefined;
  /** Else from wherever the SDK looks. */
  readonly credentials?: Identity;
  readonly sources?: CredentialSources;
  readonly http?: HttpSettings;
  /** How long one try of any call but a long poll may take; 5 000. */
  readonly callTimeoutMs?: number;
  /** How much longer than its own wait a long poll may take; 5 000. */
  readonly pollMarginMs?: number;
  /** Hears the server's time of each answer that names one, in Unix milliseconds. */
  readonly hearTime?: (serverMs: number) => void;
}

export interface SitesPorts {
  readonly clock: Clock;
  readonly observe: Observe;
}

const CALL_TIMEOUT_MS = 5_000;
const POLL_MARGIN_MS = 5_000;
const DIRECT: HttpSettings = { proxies: NO_PROXIES, authorities: null };
const ANY_SOURCE: CredentialSources = { profile: false, container: null, instanceMetadata: true };

export class Sites {
  readonly #connection: SqsConnection;
  readonly #ports: SitePorts;
  readonly #forCredentials: NodeHttpHandler;
  readonly #closed = new AbortController();
  readonly #open = new Map<string, Site>();

  /**
   * `firstUrl` names the region in which STS is asked for credentials when nothing else does.
   * `null` when no queue is given by its URL.
   */
  constructor(connection: SqsConnection, firstUrl: string | null, { clock, observe }: SitesPorts) {
    const { credentials, sources = ANY_SOURCE, http = DIRECT } = connection;
    const times = {
      callMs: connection.callTimeoutMs ?? CALL_TIMEOUT_MS,
      pollMarginMs: connection.pollMarginMs ?? POLL_MARGIN_MS,
    };
    const logger = sdkLogger(observe);
    const region = connection.region ?? (firstUrl === null ? undefined : (placeOf(firstUrl).region ?? undefined));
    this.#forCredentials = openHttp(http, times.callMs);
    const ask =
      credentials === undefined
        ? credentialsChain(sources, { http: this.#forCredentials, region, logger, clock })
        : async () => credentials;
    this.#connection = connection;
    this.#ports = {
      clock,
      credentials: new Credentials(ask, { clock, observe }),
      http,
      logger,
      times,
      closed: this.#closed.signal,
      hearTime: connection.hearTime,
    };
  }

  /**
   * The credentials that requests are signed with. Rejects when there are none; may take as long as
   * their source is silent.
   */
  identity(): Promise<Identity> {
    return this.#ports.credentials.provide();
  }

  /**
   * Of a queue by its URL, or, with `null`, of names that are looked up. Throws for a text that is
   * not a URL.
   */
  at(queueUrl: string | null): Site {
    const place = this.#placeOf(queueUrl);
    const key = JSON.stringify(place);
    const known = this.#open.get(key) ?? new Site(place, this.#ports);
    this.#open.set(key, known);
    return known;
  }

  /** Ends every wait. */
  close(): void {
    this.#closed.abort(new Error("the queue is closed"));
    for (const site of this.#open.values()) site.close();
    this.#forCredentials.destroy();
  }

  /** The region in a URL of AWS wins: a signature for another one is refused there. */
  #placeOf(queueUrl: string | null): SitePlace {
    const { region, endpoint } = this.#connection;
    const own = queueUrl === null ? null : placeOf(queueUrl);
    const given = endpoint === undefined ? null : placeOf(endpoint);
    return {
      region: given?.region ?? own?.region ?? region,
      endpoint: endpoint ?? own?.endpoint ?? undefined,
    };
  }
}

// Without a logger the SDK falls back to the console for warnings.
function sdkLogger(observe: Observe): NonNullable<SQSClientConfig["logger"]> {
  const silent = () => undefined;
  const warn = (...said: unknown[]) =>
    observe({ event: "queue.sdk_warning", level: "debug", message: said.map(String).join(" ") });
  return { trace: silent, debug: silent, info: silent, warn, error: silent };
}
