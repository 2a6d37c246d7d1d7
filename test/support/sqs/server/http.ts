// The SQS server of `taskiq dev` with what tests need of it: faults, a record of every request, and
// AWS's check of signing times.
import type { ServerResponse } from "node:http";
import { refusalAnswer } from "../../../../cli/dev/sqs-server/answer.ts";
import * as product from "../../../../cli/dev/sqs-server/http.ts";
import type { Input } from "../../../../cli/dev/sqs-server/wire.ts";
import { FaultScript } from "./faults.ts";
import { answerRequest, type FaultyAnswer } from "./faulty-answer.ts";
import { refuseTime } from "./signing-time.ts";

export interface SqsServerOptions extends Pick<product.SqsServerOptions, "clock" | "inFlightLimit"> {
  /** By how much its clock, which signatures must agree with, is ahead of this machine's. */
  readonly aheadMs?: number;
  /** How it calls a signature of another time; AWS has several names for that. */
  readonly timeCode?: string;
}

export interface RequestRecord {
  readonly action: string;
  readonly host: string;
  /** What the signature claims; empty without one. */
  readonly signedBy: { readonly accessKeyId: string; readonly region: string };
  readonly input: Input;
  /** Monotonic milliseconds of the server's clock. */
  readonly atMs: number;
}

export interface SqsServer extends product.SqsServer {
  readonly faults: FaultScript;
  /** Everything that was asked, faulty or not, in order of arrival. */
  readonly requests: readonly RequestRecord[];
  /**
   * Requests that are not over yet. A long poll waits, and takes messages, also when its client was
   * killed.
   */
  readonly underWay: number;
}

export async function startSqsServer(given: SqsServerOptions = {}): Promise<SqsServer> {
  const { aheadMs = 0, timeCode = "SignatureDoesNotMatch", ...options } = given;
  const faults = new FaultScript();
  const requests: RequestRecord[] = [];
  let underWay = 0;
  const answer: product.Intercept = async ({ action, input, headers }, context, response) => {
    const { host = "", authorization = "" } = headers;
    requests.push({ action, input, host, signedBy: signerOf(authorization), atMs: context.clock.monoMs() });
    const serverMs = Date.now() + aheadMs;
    response.setHeader("date", new Date(serverMs).toUTCString());
    const refused = refuseTime(String(headers["x-amz-date"]), serverMs, timeCode);
    if (refused !== null) return refusalAnswer(refused, 403);
    return deliver(await answerRequest(context, action, input, faults.decide(action, input)), response);
  };
  const intercept: product.Intercept = async (...request) => {
    underWay += 1;
    return await answer(...request).finally(() => {
      underWay -= 1;
    });
  };
  const server = await product.startSqsServer({ ...options, intercept });
  return {
    ...server,
    faults,
    requests,
    get underWay() {
      return underWay;
    },
  };
}

function signerOf(authorization: string): RequestRecord["signedBy"] {
  const [, accessKeyId = "", region = ""] = /Credential=([^/]*)\/\d+\/([^/]*)\//.exec(authorization) ?? [];
  return { accessKeyId, region };
}

function deliver({ delivery, ...answer }: FaultyAnswer, response: ServerResponse): FaultyAnswer | null {
  if (delivery === undefined) return answer;
  if (delivery === "cut") response.destroy();
  if (delivery === "stall_body") {
    const text = JSON.stringify(answer.body);
    product.writeHead(answer, text, response);
    response.write(text.slice(0, 1));
  }
  return null;
}
