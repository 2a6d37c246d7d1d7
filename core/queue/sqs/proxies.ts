// Which proxy a request goes through, as boto3 decides it. Pure.

/** The usual variables, as they are written; empty and absent mean the same. */
export interface Proxies {
  /** URL of the proxy for `https:` servers. `null` means none. */
  readonly https: string | null;
  /** URL of the proxy for `http:` servers. `null` means none. */
  readonly http: string | null;
  /** Hosts that need no proxy, between commas; `*` stands for all. */
  readonly except: string;
}

export const NO_PROXIES: Proxies = { https: null, http: null, except: "" };

/**
 * The credentials endpoints of EC2, ECS and EKS: a proxy would answer for its own machine, or not
 * at all.
 */
const LINK_LOCAL = /^(?:169\.254\.\d+\.\d+|\[?(?:fe80:.*|fd00:ec2::.*)\]?)$/;

/**
 * Server as in a URL: `hostname` has brackets around an IPv6 address, `port` is empty for the usual
 * one. `null` means directly.
 */
export function proxyFor(server: Pick<URL, "protocol" | "hostname" | "port">, proxies: Proxies): URL | null {
  const proxy = server.protocol === "https:" ? proxies.https : proxies.http;
  if (proxy === null || LINK_LOCAL.test(server.hostname) || isExcepted(server, proxies.except)) return null;
  return new URL(proxy.includes("://") ? proxy : `http://${proxy}`);
}

/**
 * By Python's rule (`urllib.request.proxy_bypass_environment`): a name also stands for all names
 * below it, and may have a port.
 */
function isExcepted({ hostname, port }: Pick<URL, "hostname" | "port">, except: string): boolean {
  if (except.trim() === "*") return true;
  const names = except.split(",").map((name) => name.trim().toLowerCase().replace(/^\./, ""));
  const hosts = [hostname, ...(port === "" ? [] : [`${hostname}:${port}`])].map((host) => host.toLowerCase());
  return names.some((name) => name !== "" && hosts.some((host) => host === name || host.endsWith(`.${name}`)));
}
