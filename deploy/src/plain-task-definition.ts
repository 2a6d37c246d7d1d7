// The task definition for those who do not use Pulumi, with names in capitals where theirs go. `npm
// run task-definition` writes it.
import { writeFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { TMP_VOLUME, workerContainer } from "./container.ts";
import { defaultSizing } from "./settings.ts";

export const plainTaskDefinitionPath = fileURLToPath(new URL("../task-definition.json", import.meta.url));

export function plainTaskDefinition(): string {
  const container = workerContainer({
    image: "IMAGE",
    queueUrl: "https://sqs.REGION.amazonaws.com/ACCOUNT/steps.fifo",
    deadLetterQueueUrl: "https://sqs.REGION.amazonaws.com/ACCOUNT/steps-dlq.fifo",
    region: "REGION",
    logGroup: "/taskiq/steps",
    sizing: defaultSizing,
    entryPoint: ["taskiq"],
    command: ["run", "-m", "MODULE"],
    environment: {
      DAGSTER_POSTGRES_HOST: "HOST",
      DAGSTER_POSTGRES_USER: "dagster",
      DAGSTER_POSTGRES_DB: "dagster",
      POSTGRES_HOST: "HOST",
      POSTGRES_USER: "taskiq",
      POSTGRES_DB: "taskiq",
    },
    secrets: {
      DAGSTER_POSTGRES_PASSWORD: "arn:aws:secretsmanager:REGION:ACCOUNT:secret:DAGSTER",
      POSTGRES_PASSWORD: "arn:aws:secretsmanager:REGION:ACCOUNT:secret:LEDGER",
    },
    healthPort: 8080,
    taskProtection: true,
  });
  const definition = {
    family: "steps",
    requiresCompatibilities: ["FARGATE"],
    networkMode: "awsvpc",
    cpu: "1024",
    memory: "4096",
    runtimePlatform: { operatingSystemFamily: "LINUX", cpuArchitecture: "X86_64" },
    taskRoleArn: "arn:aws:iam::ACCOUNT:role/steps-task",
    executionRoleArn: "arn:aws:iam::ACCOUNT:role/steps-execution",
    volumes: [{ name: TMP_VOLUME }],
    containerDefinitions: [container],
  };
  return `${JSON.stringify(definition, null, 2)}\n`;
}

if (import.meta.main) writeFileSync(plainTaskDefinitionPath, plainTaskDefinition());
