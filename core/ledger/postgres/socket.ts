// The socket under a connection: TCP, and then TLS the way libpq's sslmode asks for it
// (https://www.postgresql.org/docs/current/libpq-ssl.html).
import { once } from "node:events";
import { connect, isIP, type Socket } from "node:net";
import { type ConnectionOptions, connect as connectTls } from "node:tls";
import { Fault } from "../../faults.ts";

export const sslModes = ["disable", "prefer", "require", "verify-ca", "verify-full"] as const;
export type SslMode = (typeof sslModes)[number];

export interface Address {
  readonly host: string;
  readonly port: number;
  readonly sslMode: SslMode;
  /** PEM of the authorities to trust. `null` means those that Node ships. */
  readonly ca: string | null;
}

/**
 * The protocol's SSLRequest: https://www.postgresql.org/docs/current/protocol-message-formats.html
 */
const sslRequest = Buffer.from([0, 0, 0, 8, 4, 210, 22, 47]);
const YES = "S".charCodeAt(0);
const NO = "N".charCodeAt(0);

/**
 * Rejects with the network's own error, or a `Fault` when TLS cannot be had as asked. An abort of
 * `signal` gives the socket up.
 */
export async function openSocket(address: Address, signal: AbortSignal): Promise<Socket> {
  const socket = connect({ host: address.host, port: address.port, noDelay: true, signal });
  // The user of the socket listens, too, but not between here and there, nor after its end.
  socket.on("error", () => undefined);
  try {
    await once(socket, "connect", { signal });
    if (address.sslMode === "disable") return socket;
    const offered = await offersTls(socket, signal);
    if (offered) return await secure(socket, address, signal);
    if (address.sslMode !== "prefer") throw noTls(address);
    return socket.resume();
  } catch (error) {
    socket.destroy();
    throw error;
  }
}

async function offersTls(socket: Socket, signal: AbortSignal): Promise<boolean> {
  socket.write(sslRequest);
  const answered = once(socket, "data", { signal });
  const [answer] = (await Promise.race([answered, once(socket, "close", { signal })])) as [Buffer | boolean];
  // One byte and no more: what follows it in clear text is not the server's (CVE-2021-23222).
  if (!Buffer.isBuffer(answer) || answer.length !== 1 || ![YES, NO].includes(answer[0] ?? 0)) {
    throw Object.assign(new Error("the server closed the connection, or it is not PostgreSQL"), { code: "ECONNRESET" });
  }
  socket.pause();
  return answer[0] === YES;
}

async function secure(socket: Socket, address: Address, signal: AbortSignal): Promise<Socket> {
  const { host } = address;
  // `host` is whose the certificate must be: without it, Node would compare an IP address's with
  // "localhost".
  const tls = connectTls({ socket, host, ...verification(address), ...(isIP(host) ? {} : { servername: host }) });
  try {
    await once(tls, "secureConnect", { signal });
    return tls;
  } catch (error) {
    tls.destroy();
    if (signal.aborted) throw error;
    throw tlsFailed(address, error);
  }
}

/** As in libpq, `require` with an authority checks the certificate, but not whose it is. */
function verification({ sslMode, ca }: Address): ConnectionOptions {
  if (sslMode === "prefer" || (sslMode === "require" && ca === null)) return { rejectUnauthorized: false };
  const authorities = ca === null ? {} : { ca };
  if (sslMode === "verify-full") return authorities;
  return { ...authorities, checkServerIdentity: () => undefined };
}

function noTls({ host, port, sslMode }: Address): Fault {
  return new Fault("TQ_LEDGER", `${host}:${port} does not offer TLS, and sslmode=${sslMode} insists on it`, {
    hint: "Switch TLS on in the server, or set sslmode=disable in the ledger's URL.",
  });
}

function tlsFailed({ host, port }: Address, cause: unknown): Fault {
  return new Fault("TQ_LEDGER", `TLS with ${host}:${port} failed`, {
    hint: "Name the authority that signed its certificate: sslrootcert=<file> in the ledger's URL; or sslmode=require, which checks nothing.",
    cause,
  });
}
