// A deployment without a cloud: Pulumi's mocks record what would be made.
import * as pulumi from "@pulumi/pulumi";
import type { TaskiqWorkers } from "../src/taskiq-workers.ts";
import type { TaskiqWorkersArgs } from "../src/workers-args.ts";

export interface Made {
  readonly type: string;
  readonly name: string;
  readonly inputs: Readonly<Record<string, unknown>>;
}

export const REGION = "eu-central-1";
export const ACCOUNT = "123456789012";

const made: Made[] = [];

const answers: Readonly<Record<string, object>> = {
  getCallerIdentity: { accountId: ACCOUNT },
  getRandomPassword: { randomPassword: "0123456789abcdef".repeat(4) },
};

await pulumi.runtime.setMocks(
  {
    newResource: ({ type, name, inputs }) => {
      made.push({ type, name, inputs });
      return { id: `${name}-id`, state: { ...inputs, ...computed(type, name, inputs) } };
    },
    call: ({ token }) => answers[token.split("/").at(-1)?.split(":").at(-1) ?? ""] ?? { region: REGION },
  },
  "taskiq",
  "test",
);

function computed(type: string, name: string, inputs: { readonly name?: string }): object {
  const called = inputs.name ?? name;
  const arn = `arn:aws:${type.split(":")[1]?.split("/")[0]}:${REGION}:${ACCOUNT}:${called}`;
  return { arn, name: called, url: `https://sqs.${REGION}.amazonaws.com/${ACCOUNT}/${called}` };
}

export const leastArgs: TaskiqWorkersArgs = {
  image: "registry.example/steps:1",
  cluster: { arn: `arn:aws:ecs:${REGION}:${ACCOUNT}:cluster/main`, name: "main" },
  subnetIds: ["subnet-1"],
  securityGroupIds: ["sg-1"],
  codeLocation: ["-m", "my_project.definitions"],
};

export interface Deployment {
  readonly workers: TaskiqWorkers;
  /** What was made, by the resource type's last word: `Queue`, `RolePolicy`. */
  of(type: string): readonly Made[];
  one(type: string, name: string): Made;
}

export async function deploy(args: Partial<TaskiqWorkersArgs> = {}, name = "steps"): Promise<Deployment> {
  // Not before the mocks are in place: components register when they are made.
  const { createTaskiqInfrastructure } = await import("../src/taskiq-workers.ts");
  let workers: TaskiqWorkers | undefined;
  const resources = await resourcesOf(() => {
    workers = createTaskiqInfrastructure(name, { ...leastArgs, ...args });
  });
  const of = (type: string) => resources.filter((one) => one.type.endsWith(`:${type}`));
  return {
    workers: workers as TaskiqWorkers,
    of,
    one: (type, wanted) => {
      const found = of(type).filter((one) => one.name === wanted);
      if (found[0] === undefined) throw new Error(`no ${type} ${wanted} among ${of(type).map((one) => one.name)}`);
      return found[0];
    },
  };
}

/** What `program` makes, all of it: also what waits for outputs. */
export async function resourcesOf(program: () => unknown): Promise<readonly Made[]> {
  made.length = 0;
  await program();
  await pulumi.runtime.disconnect();
  return [...made];
}

export function settled<T>(output: pulumi.Output<T>): Promise<T> {
  return new Promise((resolve) => output.apply(resolve));
}
