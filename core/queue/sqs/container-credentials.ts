// Credentials from the endpoint that ECS, EKS Pod Identity and Greengrass give a container. The
// SDK's own provider waits forever for an endpoint that accepts a request and does not answer it.
import { readFileSync } from "node:fs";
import { request as requestHttp } from "node:http";
import { request as requestHttps } from "node:https";
import * as v from "valibot";
import type { Clock } from "../../clock.ts";
import { parseJson } from "../../formats/json.ts";
import { onAbort } from "../../on-abort.ts";

/** "Container credential provider" in the AWS SDKs and Tools reference guide. */
export interface ContainerEndpoint {
  readonly url: string;
  /** Sent as `Authorization`. EKS replaces the text of the file from time to time. */
  readonly token: { readonly text: string } | { readonly file: string } | null;
}

export interface ContainerCredentials {
  readonly accessKeyId: string;
  readonly secretAccessKey: string;
  readonly sessionToken: string;
  readonly expiration: Date;
}

const ANSWER_MS = 2_000;
const TRIES = 3;
const PAUSE_MS = 500;
const LARGEST_ANSWER = 65_536;

const Answer = v.object({
  AccessKeyId: v.string(),
  SecretAccessKey: v.string(),
  Token: v.string(),
  Expiration: v.pipe(
    v.string(),
    v.transform((text) => new Date(text)),
    v.date(),
  ),
});

/** Takes 7 s at most. Rejects with an error that names the endpoint. */
export async function fetchContainerCredentials(
  endpoint: ContainerEndpoint,
  clock: Pick<Clock, "sleep" | "deadline">,
): Promise<ContainerCredentials> {
  for (let attempt = 1; ; attempt += 1) {
    try {
      const { signal, clear } = clock.deadline(ANSWER_MS);
      return await fetchOnce(endpoint, signal).finally(clear);
    } catch (cause) {
      if (attempt === TRIES) throw new Error(`the container's credentials endpoint ${endpoint.url}`, { cause });
      await clock.sleep(PAUSE_MS);
    }
  }
}

async function fetchOnce({ url, token }: ContainerEndpoint, late: AbortSignal): Promise<ContainerCredentials> {
  const server = new URL(url);
  if (!mayBeAsked(server)) throw new Error("it is neither HTTPS nor an address of this machine, ECS or EKS");
  const text = await get(server, token === null ? {} : { authorization: textOf(token).trim() }, late);
  const read = v.safeParse(Answer, parseJson(text));
  if (!read.success) throw new Error("its answer holds no credentials");
  const { AccessKeyId, SecretAccessKey, Token, Expiration } = read.output;
  return {
    accessKeyId: AccessKeyId,
    secretAccessKey: SecretAccessKey,
    sessionToken: Token,
    expiration: Expiration,
  };
}

function textOf(token: NonNullable<ContainerEndpoint["token"]>): string {
  return "text" in token ? token.text : readFileSync(token.file, "utf8");
}

/** The rule of all AWS SDKs: credentials do not cross a network in the clear. */
function mayBeAsked({ protocol, hostname }: URL): boolean {
  const near = ["localhost", "[::1]", "169.254.170.2", "169.254.170.23", "[fd00:ec2::23]"];
  return protocol === "https:" || near.includes(hostname) || /^127(?:\.\d+){3}$/.test(hostname);
}

/** Never through a proxy, as in boto3. */
function get(server: URL, headers: Readonly<Record<string, string>>, late: AbortSignal): Promise<string> {
  return new Promise((resolve, reject) => {
    const send = server.protocol === "https:" ? requestHttps : requestHttp;
    const request = send(server, { headers, agent: false }, (response) => {
      let text = "";
      response.setEncoding("utf8");
      response.on("data", (part: string) => {
        text += part;
        if (text.length > LARGEST_ANSWER) request.destroy(new Error("its answer is too long"));
      });
      response.on("error", reject);
      response.on("end", () => {
        if (response.statusCode === 200) resolve(text);
        else reject(new Error(`HTTP ${response.statusCode}`));
      });
    });
    const disarm = onAbort(late, () => request.destroy(late.reason));
    request.on("error", reject);
    request.on("close", disarm);
    request.end();
  });
}
