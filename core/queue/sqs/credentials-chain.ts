// Where AWS credentials come from: the SDK's order of sources, each asked again, with the reason
// when none has any.

import type { SQSClientConfig } from "@aws-sdk/client-sqs";
import { fromEnv } from "@aws-sdk/credential-provider-env";
import { fromIni } from "@aws-sdk/credential-provider-ini";
import { fromTokenFile } from "@aws-sdk/credential-provider-web-identity";
import { fromInstanceMetadata } from "@smithy/credential-provider-imds";
import type { NodeHttpHandler } from "@smithy/node-http-handler";
import type { Clock } from "../../clock.ts";
import { describeError } from "../../faults.ts";
import { type ContainerEndpoint, fetchContainerCredentials } from "./container-credentials.ts";
import type { AskForCredentials, Identity } from "./credentials.ts";

/**
 * What the environment says of credentials, beside what the SDK's providers read there by
 * themselves.
 */
export interface CredentialSources {
  /** A profile was chosen: keys in the environment do not count. */
  readonly profile: boolean;
  /** `null` means that this is not a container that has one. */
  readonly container: ContainerEndpoint | null;
  readonly instanceMetadata: boolean;
}

export interface ChainPorts {
  /** For STS, SSO and sign-in: with time limits. */
  readonly http: NodeHttpHandler;
  /** For STS. `undefined` leaves it to the SDK. */
  readonly region: string | undefined;
  readonly logger: NonNullable<SQSClientConfig["logger"]>;
  readonly clock: Clock;
}

interface Source {
  /** In words. */
  readonly name: string;
  readonly ask: () => Promise<Identity>;
}

/** What a source says that is not configured; anything else is a reason. */
const NOT_CONFIGURED =
  /^(?:Unable to find environment variable credentials|Could not resolve credentials using profile: \[default\]|Web identity configuration not specified)/;

/**
 * Keeps nothing between two calls but what instance metadata said last, for when EC2 itself cannot
 * renew it.
 */
export function credentialsChain(sources: CredentialSources, ports: ChainPorts): AskForCredentials {
  const { http, region, logger } = ports;
  const inner = { requestHandler: http, logger };
  const parentClientConfig = { ...inner, ...(region === undefined ? {} : { region }) };
  const init = { logger, clientConfig: inner, parentClientConfig };
  const chain: Source[] = [
    ...(sources.profile ? [] : [{ name: "the environment's variables", ask: fromEnv({ logger }) }]),
    { name: "a profile of the shared files", ask: fromIni({ ...init, ignoreCache: true }) },
    { name: "a web identity token", ask: fromTokenFile(init) },
    ...machineSources(sources, ports),
  ];
  return () => firstOf(chain);
}

function machineSources(
  { container, instanceMetadata }: CredentialSources,
  { logger, clock }: Pick<ChainPorts, "logger" | "clock">,
): Source[] {
  if (container !== null)
    return [{ name: "the container's endpoint", ask: () => fetchContainerCredentials(container, clock) }];
  return instanceMetadata ? [{ name: "the instance's metadata", ask: fromInstanceMetadata({ logger }) }] : [];
}

/** As in the SDK, a source that fails gives way to the next one unless its error says otherwise. */
async function firstOf(chain: readonly Source[]): Promise<Identity> {
  const reasons: string[] = [];
  for (const { name, ask } of chain) {
    try {
      return { ...(await ask()), source: name };
    } catch (error) {
      const why = reasonOf(error);
      if (!NOT_CONFIGURED.test(why)) reasons.push(why);
      if (!(error instanceof Error && "tryNextLink" in error && error.tryNextLink === true)) break;
    }
  }
  throw new Error(reasons.join("; ") || "neither the environment nor a profile names any");
}

/** The name, too, where it says more than "Error": AWS's own code, or a timeout. */
function reasonOf(error: unknown): string {
  const named = error instanceof Error && !/^(?:Error|CredentialsProviderError|ProviderError)$/.test(error.name);
  return `${named ? `${error.name}: ` : ""}${describeError(error)}`;
}
