// Dagster's API over HTTP: how it is asked, and how other programs that answer are reported.
import assert from "node:assert/strict";
import { Buffer } from "node:buffer";
import { describe, test } from "node:test";
import { freePort } from "../../../cli/dev/ports.ts";
import { openDagsterApi } from "../../../core/dagster/api.ts";
import { authority, fakeDagster, type Reply, startGraphqlServer } from "../../support/dagster/graphql-server.ts";
import { api, faultOf, hasty, target } from "./setup.ts";

describe("asking", () => {
  test("a request posts JSON to /graphql below the URL's path, with credentials and headers", async (t) => {
    const headers = [["Dagster-Cloud-Api-Token", "agent:1"]];
    const server = await startGraphqlServer(t, fakeDagster({ run: { status: "FAILURE" } }));
    for (const path of ["/prod", "/prod/", "/prod/graphql"]) {
      const url = `${server.url}${path}`.replace("://", "://ann:p%40ss@");
      const dagster = openDagsterApi({ ...target, url, headers: headers as never }, hasty);
      t.after(() => dagster.close());
      assert.deepEqual(await dagster.findRun("run"), { status: "FAILURE", reexecution: null, unlaunched: null });
    }
    for (const { method, path, headers: sent } of server.asked) {
      const { authorization, "dagster-cloud-api-token": token, "content-type": type } = sent;
      const credentials = `Basic ${Buffer.from("ann:p@ss").toString("base64")}`;
      assert.deepEqual([method, path, authorization, token], ["POST", "/prod/graphql", credentials, "agent:1"]);
      assert.equal(type, "application/json");
    }
  });

  test("a request over TLS trusts only the configured authority", async (t) => {
    const server = await startGraphqlServer(t, fakeDagster({ run: { status: "FAILURE" } }), { secure: true });
    const [trusting, others] = [authority, null].map((ca) => openDagsterApi({ ...target, url: server.url, ca }, hasty));
    t.after(() => Promise.all([trusting?.close(), others?.close()]));
    assert.equal((await trusting?.findRun("run"))?.status, "FAILURE");
    const fault = await faultOf(others?.findRun("run") as Promise<unknown>);
    assert.match(
      fault,
      /^TQ_DAGSTER_UNREACHABLE: Dagster at https:\/\/localhost\/graphql cannot be reached: .*certificate/,
    );
  });

  test("findRun returns null for an unknown run, and the latest re-execution of a known run", async (t) => {
    const runs = {
      run: { status: "FAILURE" },
      a: { status: "FAILURE", parent: "run" },
      b: { status: "STARTED", parent: "run" },
    };
    const { dagster } = await api(t, fakeDagster(runs));
    assert.equal(await dagster.findRun("other"), null);
    assert.deepEqual(await dagster.findRun("run"), {
      status: "FAILURE",
      reexecution: { runId: "b", status: "STARTED" },
      unlaunched: null,
    });
  });
});

test("a run that was created and not launched is not a re-execution, and hides none", async (t) => {
  const runs = {
    run: { status: "FAILURE" },
    a: { status: "FAILURE", parent: "run", createdAt: 1 },
    b: { status: "NOT_STARTED", parent: "run", createdAt: 2 },
    c: { status: "NOT_STARTED", parent: "run", createdAt: 3 },
  };
  const { dagster } = await api(t, fakeDagster(runs));
  assert.deepEqual(await dagster.findRun("run"), {
    status: "FAILURE",
    reexecution: { runId: "a", status: "FAILURE" },
    unlaunched: { runId: "c", createdAtMs: 3_000 },
  });
});

describe("a program that answers in Dagster's place is named in the fault", () => {
  const page = "<html><head><title>Sign in\n to Acme</title></head></html>";
  const cases: readonly (readonly [string, Reply, string])[] = [
    [
      "a redirect",
      { status: 302, headers: { location: "/login?next=secret" }, body: "" },
      "TQ_CONFIG: Dagster at http://127.0.0.1/graphql redirects to http://127.0.0.1/login",
    ],
    [
      "a login page",
      { body: page },
      "TQ_CONFIG: Dagster at http://127.0.0.1/graphql is not Dagster's GraphQL API: it answers with a web page, perhaps a login: Sign in to Acme",
    ],
    [
      "another program",
      { status: 404, headers: { "content-type": "text/plain" }, body: "Not\u0007 Found" },
      "TQ_CONFIG: Dagster at http://127.0.0.1/graphql is not Dagster's GraphQL API: it answers with 404 and text/plain: Not\u0007 Found",
    ],
    [
      "JSON of something else",
      { body: { hello: 1 } },
      'TQ_CONFIG: Dagster at http://127.0.0.1/graphql is not Dagster\'s GraphQL API: it answers with 200 and application/json: {"hello":1}',
    ],
    [
      "a refusal of who asks",
      { status: 401, body: {} },
      "TQ_DAGSTER_DENIED: Dagster at http://127.0.0.1/graphql answers 401: it does not accept the credentials",
    ],
    [
      "a proxy without a server",
      { status: 502, body: "<title>Bad Gateway</title>" },
      "TQ_DAGSTER: Dagster at http://127.0.0.1/graphql answers 502: Bad Gateway",
    ],
    [
      "a field that it does not know",
      { status: 400, body: { errors: [{ message: "Cannot query field 'runOrError' on type 'Query'." }] } },
      "TQ_CONFIG: Dagster at http://127.0.0.1/graphql does not understand the question: Cannot query field 'runOrError' on type 'Query'.",
    ],
    [
      "a failure of its own",
      { status: 500, body: { data: null, errors: [{ message: "database is locked" }] } },
      "TQ_DAGSTER: Dagster at http://127.0.0.1/graphql failed to answer: database is locked",
    ],
    [
      "a failure of its storage",
      {
        status: 500,
        body: {
          data: {
            runOrError: { __typename: "PythonError", message: "no database" },
            runsOrError: { __typename: "Runs", results: [] },
          },
        },
      },
      "TQ_DAGSTER: Dagster at http://127.0.0.1/graphql answers PythonError: no database",
    ],
    [
      "another shape",
      { body: { data: { runOrError: 7 } } },
      "TQ_DAGSTER: Dagster at http://127.0.0.1/graphql sent an answer that does not fit the question",
    ],
  ];
  for (const [what, reply, expected] of cases) {
    test(`a fault names the program in Dagster's place that answers with ${what}`, async (t) => {
      const { dagster } = await api(t, () => reply);
      assert.equal(await faultOf(dagster.findRun("run")), expected);
    });
  }

  test("an address without a listener is reported as unreachable, without its password", async (t) => {
    const dagster = openDagsterApi({ ...target, url: `http://ann:secret@127.0.0.1:${await freePort()}` }, hasty);
    t.after(() => dagster.close());
    const fault = await faultOf(dagster.findRun("run"));
    assert.match(
      fault,
      /^TQ_DAGSTER_UNREACHABLE: Dagster at http:\/\/127.0.0.1\/graphql cannot be reached: .*ECONNREFUSED/,
    );
    assert.doesNotMatch(fault, /secret/);
  });

  test("a server that does not answer in time is reported as a fault", async (t) => {
    const { dagster } = await api(t, () => null, { answerMs: 50 });
    assert.equal(
      await faultOf(dagster.findRun("run")),
      "TQ_DAGSTER: Dagster at http://127.0.0.1/graphql did not answer within 50 ms",
    );
  });
});
