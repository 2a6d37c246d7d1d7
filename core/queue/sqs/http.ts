// How requests of the SDK reach their server: directly or through a proxy, with which time limits,
// trusting whom.
import { Buffer } from "node:buffer";
import { NodeHttpHandler } from "@smithy/node-http-handler";
import { HttpsProxyAgent } from "hpagent";
import { type Proxies, proxyFor } from "./proxies.ts";

export interface HttpSettings {
  readonly proxies: Proxies;
  /**
   * PEM of the certificate authorities to trust instead of the usual ones. `null` means the usual
   * ones.
   */
  readonly authorities: string | null;
}

const CONNECT_TIMEOUT_MS = 2_000;
/**
 * Longer than the longest poll: an agent's timeout also ends a proxy's silence, and must end
 * nothing else.
 */
const TUNNEL_TIMEOUT_MS = 30_000;
/** The SDK's own number. */
const MAX_SOCKETS = 50;

type Handled = Parameters<NodeHttpHandler["handle"]>;
type Request = Handled[0];

/** `answerMs` limits each exchange. `null` means that the caller does. */
export function openHttp(settings: HttpSettings, answerMs: number | null): NodeHttpHandler {
  const { proxies, authorities } = settings;
  const trust = authorities === null ? {} : { ca: authorities };
  const limits = { connectionTimeout: CONNECT_TIMEOUT_MS, ...(answerMs === null ? {} : timeouts(answerMs)) };
  const direct = { ...limits, httpsAgent: trust };
  if (proxies.https === null && proxies.http === null) return new NodeHttpHandler(direct);
  return new ProxiedHttp(proxies, direct, (proxy) => {
    const pool = { keepAlive: true, maxSockets: MAX_SOCKETS, timeout: TUNNEL_TIMEOUT_MS };
    const proxyRequestOptions = authorities === null ? {} : { ca: [authorities] };
    const httpsAgent = new HttpsProxyAgent({ ...pool, ...trust, proxy, proxyRequestOptions });
    return new NodeHttpHandler({ ...limits, httpsAgent });
  });
}

// The SDK's defaults never time out, and its `requestTimeout` only logs unless an option makes it
// throw. The socket timeout covers what the request timeout does not: an answer whose head came and
// whose body never does.
function timeouts(ms: number) {
  return { requestTimeout: ms, socketTimeout: ms, throwOnRequestTimeout: true };
}

type Options = NonNullable<ConstructorParameters<typeof NodeHttpHandler>[0]>;

class ProxiedHttp extends NodeHttpHandler {
  readonly #proxies: Proxies;
  readonly #openTunnel: (proxy: URL) => NodeHttpHandler;
  #tunnel: NodeHttpHandler | null = null;

  constructor(proxies: Proxies, direct: Options, openTunnel: (proxy: URL) => NodeHttpHandler) {
    super(direct);
    this.#proxies = proxies;
    this.#openTunnel = openTunnel;
  }

  override handle(...[request, options]: Handled): ReturnType<NodeHttpHandler["handle"]> {
    const port = request.port === undefined ? "" : String(request.port);
    const proxy = proxyFor({ protocol: request.protocol, hostname: request.hostname, port }, this.#proxies);
    if (proxy === null) return super.handle(request, options);
    if (request.protocol !== "https:") return super.handle(forwarded(request, port, proxy), options);
    this.#tunnel ??= this.#openTunnel(proxy);
    return this.#tunnel.handle(request, options);
  }

  override destroy(): void {
    this.#tunnel?.destroy();
    super.destroy();
  }
}

/**
 * Without TLS a proxy is asked for the whole URL; the request is signed already, its `host` header
 * too.
 */
function forwarded(request: Request, port: string, proxy: URL): Request {
  const whole = Object.assign(Object.create(Object.getPrototypeOf(request)), request) as Request;
  whole.path = `http://${request.hostname}${port === "" ? "" : `:${port}`}${request.path}`;
  whole.protocol = proxy.protocol;
  whole.hostname = proxy.hostname;
  whole.port = Number(proxy.port) || usualPort(proxy);
  if (proxy.username !== "") {
    const login = `${decodeURIComponent(proxy.username)}:${decodeURIComponent(proxy.password)}`;
    whole.headers = { ...request.headers, "proxy-authorization": `Basic ${Buffer.from(login).toString("base64")}` };
  }
  return whole;
}

function usualPort({ protocol }: URL): number {
  return protocol === "https:" ? 443 : 80;
}
