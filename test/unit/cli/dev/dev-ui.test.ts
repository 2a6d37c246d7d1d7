// When `taskiq dev` takes Dagster's UI for ready.
import assert from "node:assert/strict";
import { once } from "node:events";
import { chmodSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type TestContext, test } from "node:test";
import { Ui } from "../../../../cli/dev/ui.ts";

/** A UI whose process lives, and what answers on its port, which may be another. */
async function ui(t: TestContext, homes: readonly string[]) {
  const directory = mkdtempSync(join(tmpdir(), "taskiq-ui-"));
  const python = join(directory, "python");
  writeFileSync(python, "#!/bin/sh\nexec sleep 600\n");
  chmodSync(python, 0o755);
  let asked = 0;
  const server = createServer((_request, response) => {
    const info = `local_artifact_storage:\n  config:\n    base_dir: ${homes[Math.min(asked, homes.length - 1)]}\n`;
    asked += 1;
    response.end(JSON.stringify({ data: { instance: { info } } }));
  }).listen(0, "127.0.0.1");
  await once(server, "listening");
  const { port } = server.address() as AddressInfo;
  const opened = new Ui({
    home: "/project/.taskiq",
    runMark: "",
    python,
    locationArgs: [],
    port,
    env: {},
    onLine: () => undefined,
  });
  t.after(async () => {
    await opened.program.stop(AbortSignal.abort());
    server.closeAllConnections();
    server.close();
    rmSync(directory, { recursive: true });
  });
  return { opened, asked: () => asked };
}

const clock = { sleep: async () => undefined };
const never = new AbortController().signal;

test("a Dagster of another home that has the port is not taken for it", async (t) => {
  const { opened, asked } = await ui(t, ["/other/.taskiq", "/other/.taskiq", "/project/.taskiq"]);
  await opened.ready(clock, never);
  assert.equal(asked(), 3);
});

test("a UI that ends is not waited for", async (t) => {
  const { opened } = await ui(t, ["/other/.taskiq"]);
  const waiting = opened.ready(clock, never);
  await opened.program.stop(AbortSignal.abort());
  await waiting;
});
