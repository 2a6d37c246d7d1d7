// The audit of dependencies, against registries that know something, that know nothing, and that
// are not there.
import assert from "node:assert/strict";
import { once } from "node:events";
import { createServer, type RequestListener } from "node:http";
import type { AddressInfo } from "node:net";
import { describe, test } from "node:test";
import { audit, judge } from "../../../dev/test/audit.ts";

async function askedAt(listener: RequestListener) {
  const server = createServer(listener).listen(0, "127.0.0.1");
  await once(server, "listening");
  try {
    const { port } = server.address() as AddressInfo;
    return await audit(`http://127.0.0.1:${port}`)(new AbortController().signal, () => undefined);
  } finally {
    server.closeAllConnections();
    server.close();
  }
}

describe("a registry that", { concurrency: true }, () => {
  test("the audit fails with the name of a grave vulnerability", async () => {
    const advisory = {
      id: 1,
      url: "https://advisories.example/1",
      title: "reads too much",
      severity: "high",
      vulnerable_versions: "<999.0.0",
      cwe: [],
      cvss: { score: 8, vectorString: null },
    };
    const verdict = await askedAt((request, response) => {
      if (request.method !== "POST") response.statusCode = 404;
      response.end(request.method === "POST" ? JSON.stringify({ undici: [advisory] }) : "{}");
    });
    const detail = "undici: high (reads too much, https://advisories.example/1)";
    assert.deepEqual(verdict, { passed: false, tests: null, detail });
  });

  test("the audit passes when the registry cannot answer, and the summary says so", async () => {
    const { passed, detail } = await askedAt((_request, response) => response.writeHead(405).end());
    assert.equal(passed, true);
    assert.match(detail, /^nothing was audited: 405 Method Not Allowed/);
  });
});

test("the audit passes without a vulnerability", () =>
  assert.equal(judge(JSON.stringify({ vulnerabilities: {} })).passed, true));

test("the audit passes with a vulnerability that is not grave", () => {
  const undici = { name: "undici", severity: "moderate", via: [] };
  assert.equal(judge(JSON.stringify({ vulnerabilities: { undici } })).passed, true);
});

for (const said of ["", "npm error code EUSAGE", '{"message": "the lock file is missing"}']) {
  test(`the audit fails when npm prints ${JSON.stringify(said)}, which is not an answer of a registry`, () => {
    assert.equal(judge(said).passed, false);
  });
}
