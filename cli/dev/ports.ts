// Ports of 127.0.0.1 that no program listens on.
import { createServer } from "node:net";
import { requireListening } from "../../core/endpoints/may-listen.ts";

/** Another program may take it before its user does, which then says so and ends. */
export function freePort(): Promise<number> {
  return portOf(0);
}

/** Returns `wanted`, or a free port if another program has that. */
export async function freePortNear(wanted: number): Promise<number> {
  return await portOf(wanted).catch(() => portOf(0));
}

export async function isFree(port: number): Promise<boolean> {
  return await portOf(port).then(
    () => true,
    () => false,
  );
}

function portOf(wanted: number): Promise<number> {
  return new Promise((resolve, reject) => {
    requireListening("127.0.0.1", wanted);
    const server = createServer();
    server.on("error", reject);
    server.listen(wanted, "127.0.0.1", () => {
      const address = server.address();
      const port = typeof address === "object" && address !== null ? address.port : 0;
      server.close(() => resolve(port));
    });
  });
}
