// The key that run workers sign messages with, and workers check: made once, kept in Secrets
// Manager.
import * as aws from "@pulumi/aws";
import * as pulumi from "@pulumi/pulumi";
import { envelopeKeyPolicy } from "./policies.ts";

/** What both sides read it from. */
export const KEY_VARIABLE = "TASKIQ_ENVELOPE_KEY";

export interface EnvelopeKey {
  readonly secret: aws.secretsmanager.Secret;
  /** Lets a role read it. */
  readonly policy: aws.iam.Policy;
}

/**
 * To rotate it, put `<new>,<old>` into the secret and restart both sides, then `<new>`: a later
 * deployment leaves the secret's value as it is.
 */
export function createEnvelopeKey(
  name: string,
  tags: Readonly<Record<string, string>>,
  parent: pulumi.Resource,
): EnvelopeKey {
  const description = "Signs the messages of taskiq's queue (TASKIQ_ENVELOPE_KEY)";
  const secret = new aws.secretsmanager.Secret(`${name}-envelope-key`, { description, tags: { ...tags } }, { parent });
  const drawn = aws.secretsmanager.getRandomPasswordOutput(
    { passwordLength: 64, excludePunctuation: true },
    { parent },
  );
  new aws.secretsmanager.SecretVersion(
    `${name}-envelope-key`,
    { secretId: secret.id, secretString: pulumi.secret(drawn.randomPassword) },
    // Each preview draws another one.
    { parent, ignoreChanges: ["secretString"] },
  );
  const policy = secret.arn.apply((arn) => JSON.stringify(envelopeKeyPolicy(arn)));
  return { secret, policy: new aws.iam.Policy(`${name}-envelope-key`, { policy, tags: { ...tags } }, { parent }) };
}
