import assert from "node:assert/strict";
import { test } from "node:test";
import { deploy, settled } from "./mocked.ts";

test("with signed messages a key is made, and the workers and the policy for run workers read it", async () => {
  const { workers, one, of } = await deploy({
    signedMessages: true,
    secrets: { POSTGRES_PASSWORD: "arn:aws:ssm:x:y:parameter/p" },
  });
  const arn = await settled(workers.envelopeKeyArn ?? assert.fail());
  const [version] = of("SecretVersion");
  assert.match(JSON.stringify(version?.inputs["secretString"]), /[0-9a-f]{64}/);
  const [container] = JSON.parse(String(one("TaskDefinition", "steps").inputs["containerDefinitions"]));
  assert.deepEqual(container.secrets, [
    { name: "POSTGRES_PASSWORD", valueFrom: "arn:aws:ssm:x:y:parameter/p" },
    { name: "TASKIQ_ENVELOPE_KEY", valueFrom: arn },
  ]);
  const statements = (inputs: Readonly<Record<string, unknown>>) => JSON.parse(String(inputs["policy"])).Statement;
  const execution = statements(one("RolePolicy", "steps-execution").inputs);
  assert.ok(execution.some(({ Sid, Resource }: Statement) => Sid === "ReadSecrets" && Resource.includes(arn)));
  assert.deepEqual(statements(one("Policy", "steps-envelope-key").inputs), [
    { Sid: "ReadEnvelopeKey", Effect: "Allow", Action: ["secretsmanager:GetSecretValue"], Resource: [arn] },
  ]);
});

test("without signed messages there is no key", async () => {
  const { workers, of } = await deploy();
  assert.deepEqual([workers.envelopeKeyArn, workers.envelopeKeyPolicyArn], [undefined, undefined]);
  assert.deepEqual([of("Secret"), of("SecretVersion")], [[], []]);
});

interface Statement {
  readonly Sid: string;
  readonly Resource: readonly string[];
}
