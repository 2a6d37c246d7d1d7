// What AWS's own variables say, beside what the SDK reads by itself: how requests reach AWS, and
// where credentials come from.
import { Fault } from "../../core/faults.ts";
import type { ContainerEndpoint } from "../../core/queue/sqs/container-credentials.ts";
import type { SqsConnection } from "../../core/queue/sqs/sites.ts";
import { readAuthorities } from "../options/authorities.ts";
import type { Env } from "../options/resolve.ts";

/** The address at which ECS serves `AWS_CONTAINER_CREDENTIALS_RELATIVE_URI`. */
const ECS_ADDRESS = "http://169.254.170.2";

/**
 * Throws a `Fault` for a bundle of authorities that cannot be read and for a proxy that is not a
 * URL.
 */
export function awsEnvironment(env: Env): Required<Pick<SqsConnection, "http" | "sources">> {
  return {
    http: {
      proxies: {
        https: proxyOf(env, "https_proxy"),
        http: proxyOf(env, "http_proxy"),
        except: eitherCase(env, "no_proxy") ?? "",
      },
      authorities: authoritiesOf(env),
    },
    sources: {
      profile: given(env, "AWS_PROFILE") !== null,
      container: containerOf(env),
      instanceMetadata: !/^(?!false$)./i.test(env["AWS_EC2_METADATA_DISABLED"] ?? ""),
    },
  };
}

function proxyOf(env: Env, name: string): string | null {
  const proxy = eitherCase(env, name);
  if (proxy === null || URL.canParse(proxy.includes("://") ? proxy : `http://${proxy}`)) return proxy;
  throw new Fault("TQ_CONFIG", `${name.toUpperCase()} must be the URL of a proxy`, {
    hint: "For example http://proxy.example:3128.",
  });
}

/** As in Python, the lower case wins, and may be set to nothing to undo the other. */
function eitherCase(env: Env, name: string): string | null {
  const text = env[name] ?? env[name.toUpperCase()] ?? "";
  return text === "" ? null : text;
}

function authoritiesOf(env: Env): string | null {
  const path = given(env, "AWS_CA_BUNDLE");
  return path === null ? null : readAuthorities("AWS_CA_BUNDLE", path);
}

function containerOf(env: Env): ContainerEndpoint | null {
  const relative = given(env, "AWS_CONTAINER_CREDENTIALS_RELATIVE_URI");
  const url = relative === null ? given(env, "AWS_CONTAINER_CREDENTIALS_FULL_URI") : `${ECS_ADDRESS}${relative}`;
  if (url === null) return null;
  const file = given(env, "AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE");
  if (file !== null) return { url, token: { file } };
  const text = given(env, "AWS_CONTAINER_AUTHORIZATION_TOKEN");
  return { url, token: text === null ? null : { text } };
}

function given(env: Env, name: string): string | null {
  const text = env[name] ?? "";
  return text === "" ? null : text;
}
