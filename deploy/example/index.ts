// A whole deployment beside an existing Dagster: a cluster, the workers with their queues, and the
// run launcher's leave to send steps.
import * as aws from "@pulumi/aws";
import * as pulumi from "@pulumi/pulumi";
import { createTaskiqInfrastructure } from "@taskiq/deploy";

const config = new pulumi.Config();

const cluster = new aws.ecs.Cluster("steps", {
  // The autoscaling and an alarm read its task counts.
  settings: [{ name: "containerInsights", value: "enabled" }],
});
const providers = new aws.ecs.ClusterCapacityProviders("steps", {
  clusterName: cluster.name,
  capacityProviders: ["FARGATE", "FARGATE_SPOT"],
});

const workers = createTaskiqInfrastructure(
  "steps",
  {
    image: config.require("image"),
    cluster,
    subnetIds: config.requireObject<string[]>("subnetIds"),
    securityGroupIds: config.requireObject<string[]>("securityGroupIds"),
    codeLocation: ["-m", "my_project.definitions"],
    concurrency: 8,
    cpu: 2048,
    memory: 8192,
    maxTasks: 20,
    environment: {
      // Dagster's storage, as the image's dagster.yaml names it.
      DAGSTER_POSTGRES_HOST: config.require("postgresHost"),
      DAGSTER_POSTGRES_USER: "dagster",
      DAGSTER_POSTGRES_DB: "dagster",
      // The ledger's database.
      POSTGRES_HOST: config.require("postgresHost"),
      POSTGRES_USER: "taskiq",
      POSTGRES_DB: "taskiq",
    },
    secrets: {
      DAGSTER_POSTGRES_PASSWORD: config.require("dagsterPasswordArn"),
      POSTGRES_PASSWORD: config.require("ledgerPasswordArn"),
    },
    alarmTopicArns: [config.require("onCallTopicArn")],
  },
  { dependsOn: [providers] },
);

// The role under which Dagster's run workers run: they put steps on the queue.
new aws.iam.RolePolicyAttachment("send-steps", {
  role: config.require("runWorkerRole"),
  policyArn: workers.producerPolicyArn,
});

export const queueUrl = workers.queueUrl;
export const deadLetterQueueUrl = workers.deadLetterQueueUrl;
