// Whether this runtime may listen. Deno reports a missing permission to a server where no listener
// hears it, and the process ends as by a bug.

interface WithPermissions {
  readonly Deno?: {
    readonly permissions: { querySync(wanted: { name: "net"; host: string }): { readonly state: string } };
  };
}

/** Throws what Deno throws for other permissions, if it may not listen there. Node always may. */
export function requireListening(host: string, port: number): void {
  const { Deno } = globalThis as WithPermissions;
  const address = `${host.includes(":") ? `[${host}]` : host}:${port}`;
  if (Deno === undefined || Deno.permissions.querySync({ name: "net", host: address }).state === "granted") return;
  const error = new Error(`Requires net access to "${address}", run again with the --allow-net flag`);
  throw Object.assign(error, { name: "NotCapable" });
}
