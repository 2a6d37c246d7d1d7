// Which proxy a request goes through.
import assert from "node:assert/strict";
import { test } from "node:test";
import { proxyFor } from "../../../core/queue/sqs/proxies.ts";

const proxies = { https: "http://secure.example:3128", http: "plain.example", except: "" };

const rows: readonly [server: string, except: string, proxy: string | null][] = [
  ["https://sqs.eu-west-1.amazonaws.com/", "", "http://secure.example:3128/"],
  ["http://sqs.eu-west-1.amazonaws.com/", "", "http://plain.example/"],
  ["https://sqs.eu-west-1.amazonaws.com/", "*", null],
  ["https://sqs.eu-west-1.amazonaws.com/", "example.org, .amazonaws.com", null],
  ["https://sqs.eu-west-1.amazonaws.com/", "SQS.eu-west-1.amazonaws.com", null],
  ["https://sqs.eu-west-1.amazonaws.com/", "aws.com,eu-west-2.amazonaws.com,,", "http://secure.example:3128/"],
  ["http://localhost:9324/", "localhost:9324", null],
  ["http://localhost:9324/", "localhost:80", "http://plain.example/"],
  ["http://169.254.170.2/", "", null],
  ["http://[fd00:ec2::254]/", "", null],
];

for (const [server, except, proxy] of rows) {
  test(`NO_PROXY ${JSON.stringify(except)} sends ${server} through ${proxy ?? "no proxy"}`, () => {
    assert.equal(proxyFor(new URL(server), { ...proxies, except })?.href ?? null, proxy);
  });
}
