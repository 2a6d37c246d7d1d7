// The status page and its JSON document on the health port, and who may ask for them. They name
// runs, steps and jobs, which the other pages of the port do not. By default they answer this
// machine only. Nothing here changes anything.
import type { IncomingMessage } from "node:http";
import { statusPage } from "../status/page.ts";
import type { Health } from "./health.ts";
import { PlainText, type Reply } from "./json-server.ts";

/** `local` means requests from this machine only, `network` from everywhere. */
export type StatusAccess = "local" | "network";

export interface StatusOptions {
  readonly access: StatusAccess;
  document(health: Health): object;
}

export const STATUS_PAGE = "/";
export const STATUS_DOCUMENT = "/status.json";

const LOCAL_PEER = /^(?:::ffff:)?127\.\d+\.\d+\.\d+$|^::1$/;
/** Names of this machine. A name of another domain that points here (DNS rebinding) is not one. */
const LOCAL_HOST = /^(?:localhost|127\.\d+\.\d+\.\d+|\[::1\])(?::\d+)?$/i;

const HEADERS = {
  "x-content-type-options": "nosniff",
  "referrer-policy": "no-referrer",
  "x-frame-options": "DENY",
  "cross-origin-resource-policy": "same-origin",
};

/** Returns `null` for a path of another page. */
export function statusReply(
  path: string,
  request: Pick<IncomingMessage, "headers" | "socket">,
  { access, document }: StatusOptions,
  health: () => Health,
): Reply | null {
  if (path !== STATUS_PAGE && path !== STATUS_DOCUMENT) return null;
  if (access === "local" && !isLocal(request)) {
    const error =
      "the status page answers requests from this machine to localhost only; --status-page network opens it to others";
    return { status: 403, body: { error }, headers: HEADERS };
  }
  if (path === STATUS_DOCUMENT) return { status: 200, body: document(health()), headers: HEADERS };
  const { html, policy } = statusPage();
  const headers = { ...HEADERS, "content-security-policy": policy, "cross-origin-opener-policy": "same-origin" };
  return { status: 200, body: new PlainText("text/html; charset=utf-8", html), headers };
}

function isLocal({ headers, socket }: Pick<IncomingMessage, "headers" | "socket">): boolean {
  return LOCAL_PEER.test(socket.remoteAddress ?? "") && LOCAL_HOST.test(headers.host ?? "");
}
