// Credentials that cannot be had, come late, are replaced, or are refused: the real chain of
// sources against servers on this machine.
import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, afterEach, before, describe, test } from "node:test";
import { describeError } from "../../core/faults.ts";
import type { CredentialSources } from "../../core/queue/sqs/credentials-chain.ts";
import type { SqsQueueOptions } from "../../core/queue/sqs/sqs.ts";
import { type CredentialsServer, startCredentialsServer } from "../support/aws/credentials-server.ts";
import { eventually } from "../support/eventually.ts";
import { type Wired, wire } from "../support/sqs/sqs-adapter.ts";

const receive = { max: 1, waitMs: 0, visibilityMs: 1_000 };
const nowhere: CredentialSources = { profile: false, container: null, instanceMetadata: false };
const saved = { ...process.env };
let home: string;

before(() => {
  home = mkdtempSync(join(tmpdir(), "taskiq-credentials-"));
});
afterEach(() => {
  for (const name of Object.keys(process.env)) if (!(name in saved)) delete process.env[name];
  Object.assign(process.env, saved);
});
after(() => rmSync(home, { recursive: true, force: true }));

/** No source of this machine gets in the way. */
function surroundings(variables: Readonly<Record<string, string>>): void {
  const files = { AWS_CONFIG_FILE: join(home, "none"), AWS_SHARED_CREDENTIALS_FILE: join(home, "none") };
  Object.assign(process.env, { HOME: home, ...files, ...variables });
}

async function open(
  t: Parameters<typeof wire>[0],
  sources: Partial<CredentialSources>,
  options: Partial<SqsQueueOptions> = {},
): Promise<Wired> {
  return await wire(t, {}, { sources: { ...nowhere, ...sources }, ...options });
}

const keysOf = ({ requestsOf }: Wired) => requestsOf("ReceiveMessage").map(({ signedBy }) => signedBy.accessKeyId);

const file = (name: string, ...lines: readonly string[]) => {
  const path = join(home, name);
  writeFileSync(path, `${lines.join("\n")}\n`);
  return path;
};

describe("a source that accepts a request and never answers it", () => {
  let silent: CredentialsServer;
  before(async () => {
    silent = await startCredentialsServer();
    silent.mood = "silent";
  });
  after(() => silent.stop());

  const sso = ["[default]", "sso_start_url = https://start.example", "sso_region = eu-west-1"];
  const rows: readonly [string, () => Partial<CredentialSources>][] = [
    ["a container's endpoint", () => ({ container: { url: silent.url, token: null } })],
    [
      "STS for a web identity",
      () => {
        surroundings({
          AWS_ENDPOINT_URL_STS: silent.url,
          AWS_WEB_IDENTITY_TOKEN_FILE: file("token", "x"),
          AWS_ROLE_ARN: "arn:aws:iam::123456789012:role/worker",
        });
        return {};
      },
    ],
    [
      "a process",
      () => {
        surroundings({ AWS_CONFIG_FILE: file("process", "[default]", "credential_process = sleep 3") });
        return {};
      },
    ],
    [
      "SSO",
      () => {
        const lines = [...sso, "sso_account_id = 123456789012", "sso_role_name = worker"];
        surroundings({ AWS_ENDPOINT_URL_SSO: silent.url, AWS_CONFIG_FILE: file("sso", ...lines) });
        const cache = join(home, ".aws", "sso", "cache");
        mkdirSync(cache, { recursive: true });
        const name = createHash("sha1").update("https://start.example").digest("hex");
        const token = { accessToken: "x", expiresAt: "2099-01-01T00:00:00Z" };
        writeFileSync(join(cache, `${name}.json`), JSON.stringify(token));
        return {};
      },
    ],
    [
      "instance metadata",
      () => {
        surroundings({ AWS_EC2_METADATA_SERVICE_ENDPOINT: silent.url });
        return { instanceMetadata: true };
      },
    ],
  ];
  for (const [name, sources] of rows) {
    test(`${name} that never answers ends each wait by its deadline, as missing credentials`, async (t) => {
      surroundings({});
      const { queue, pair, requestsOf } = await open(t, sources(), { pollMarginMs: 200, callTimeoutMs: 50 });
      const fault = {
        code: "TQ_CREDENTIALS",
        message: new RegExp(`^no AWS credentials for .* on the queue ${pair.url}$`),
      };
      await assert.rejects(queue.receive(receive), fault);
      await assert.rejects(queue.survey(), fault);
      assert.deepEqual(requestsOf("ReceiveMessage"), []);
    });
  }

  test("a silent source of credentials does not outlast the queue that waits for it", async (t) => {
    surroundings({});
    const { queue } = await open(t, { container: { url: silent.url, token: null } }, { pollMarginMs: 60_000 });
    const { asked } = silent;
    const waits = [queue.receive(receive), queue.depth(), queue.extend([{ receipt: "x", visibilityMs: 0 }])];
    await eventually("the source is asked", () => silent.asked > asked);
    await queue.close();
    for (const wait of await Promise.allSettled(waits)) assert.equal(wait.status, "rejected");
  });
});

describe("a container's endpoint", () => {
  test("a container's endpoint that fails for a while costs a few retries, no answer of SQS", async (t) => {
    surroundings({});
    const source = await startCredentialsServer();
    t.after(source.stop);
    source.mood = "broken";
    const wired = await open(t, { container: { url: source.url, token: { text: "secret" } } });
    const receiving = wired.queue.receive(receive);
    await eventually("the source has been asked", () => source.asked > 0);
    source.mood = "well";
    assert.deepEqual(await receiving, []);
    assert.equal(source.authorization, "secret");
    assert.deepEqual(keysOf(wired), ["first"]);
  });

  test("a container's endpoint that fails is named with its answer", async (t) => {
    surroundings({});
    const source = await startCredentialsServer();
    t.after(source.stop);
    source.mood = "broken";
    const { queue, pair } = await open(t, { container: { url: source.url, token: null } });
    const why = `the container's credentials endpoint ${source.url}: HTTP 500`;
    await assert.rejects(queue.survey(), (fault: Error) => describeError(fault).endsWith(`${pair.url}: ${why}`));
  });

  test("a container's endpoint is asked once for many calls, and again when its credentials expire", async (t) => {
    surroundings({});
    const source = await startCredentialsServer();
    t.after(source.stop);
    source.expiresInMs = 300_100;
    const wired = await open(t, { container: { url: source.url, token: null } });
    await Promise.all([1, 2, 3].map(() => wired.queue.receive(receive)));
    assert.equal(source.asked, 1);
    source.accessKeyId = "second";
    source.expiresInMs = 3_600_000;
    await eventually("the new ones are used", async () => {
      await wired.queue.receive(receive);
      return keysOf(wired).at(-1) === "second";
    });
    assert.equal(source.asked, 2);
  });
});

describe("keys that AWS refuses", () => {
  const keys = (id: string) => ["[default]", `aws_access_key_id = ${id}`, "aws_secret_access_key = s"];
  const printed = (id: string) => JSON.stringify({ Version: 1, AccessKeyId: id, SecretAccessKey: "s" });
  const sources = {
    "in the shared file": (id: string) => surroundings({ AWS_SHARED_CREDENTIALS_FILE: file("keys", ...keys(id)) }),
    "of a process without expiry": (id: string) => {
      const config = file("prints", "[default]", `credential_process = cat ${file("printed", printed(id))}`);
      surroundings({ AWS_CONFIG_FILE: config });
    },
  };
  for (const [name, give] of Object.entries(sources)) {
    test(`refused keys ${name} are read again, and the new ones are used at once`, async (t) => {
      give("old");
      const wired = await open(t, {});
      const { queue, server } = wired;
      assert.deepEqual(await queue.receive(receive), []);
      for (const code of ["ExpiredToken", "InvalidClientTokenId", "SignatureDoesNotMatch"]) {
        const refused = server.requests.at(-1)?.signedBy.accessKeyId;
        server.faults.otherwise(() =>
          server.requests.at(-1)?.signedBy.accessKeyId === refused ? { kind: "refuse", code, status: 403 } : null,
        );
        give(`after-${code}`);
        assert.deepEqual(await queue.receive(receive), []);
        assert.equal(keysOf(wired).at(-1), `after-${code}`);
        assert.equal((await queue.depth()).visible, 0);
      }
    });
  }

  test("refused keys that were not replaced are reported as refused, after one try", async (t) => {
    surroundings({ AWS_SHARED_CREDENTIALS_FILE: file("keys", ...keys("old")) });
    const { queue, server, pair, requestsOf } = await open(t, {});
    server.faults.otherwise(() => ({ kind: "refuse", code: "ExpiredToken", status: 403 }));
    await assert.rejects(queue.receive(receive), {
      code: "TQ_CREDENTIALS_REFUSED",
      message: `AWS does not accept the credentials for ReceiveMessage on the queue ${pair.url}`,
    });
    assert.equal(requestsOf("ReceiveMessage").length, 1);
    await assert.rejects(queue.survey(), { code: "TQ_CREDENTIALS_REFUSED" });
  });
});

describe("a clock that differs from AWS's by an hour", () => {
  for (const [name, aheadMs] of [
    ["behind", 3_600_000],
    ["ahead", -3_600_000],
  ] as const) {
    test(`each client whose clock is an hour ${name} learns AWS's time and goes on`, async (t) => {
      const { queue, deadLetters } = await wire(t, {}, {}, { aheadMs });
      deadLetters.send({ body: "x", groupId: "g", deduplicationId: "d" });
      assert.deepEqual(await queue.receive(receive), []);
      const letters = await queue.deadLetters();
      assert.equal((await letters?.receive(receive))?.length, 1);
    });
  }

  test("a wrong clock is named when AWS does not say its time", async (t) => {
    const { queue, server, pair } = await wire(t);
    server.faults.otherwise(() => ({ kind: "refuse", code: "RequestExpired", status: 400 }));
    await assert.rejects(queue.survey(), {
      code: "TQ_CREDENTIALS_REFUSED",
      message: `AWS does not accept this machine's time in GetQueueAttributes on the queue ${pair.url}`,
    });
  });
});
