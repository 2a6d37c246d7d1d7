// Dagster's web UI as its own pages use it: GraphQL over HTTP.
import { eventually } from "../eventually.ts";

const LAUNCH = `mutation ($params: ExecutionParams!) {
  launchRun(executionParams: $params) { __typename ... on LaunchRunSuccess { run { runId } } ... on Error { message } }
}`;
const RUN = "query ($runId: ID!) { runOrError(runId: $runId) { ... on Run { status } } }";
const JOBS = `{ repositoriesOrError { ... on RepositoryConnection { nodes { name location { name } jobs { name } } } } }`;

const REPOSITORY = "__repository__";

export class WebServer {
  readonly #url: string;

  constructor(url: string) {
    this.#url = url;
  }

  /** Names of all jobs of all code locations. */
  async jobs(): Promise<readonly string[]> {
    return (await this.#repositories()).flatMap(({ jobs }) => jobs.map(({ name }) => name));
  }

  /** Launches a job from the launchpad, and waits for the end of its run. */
  async run(job: string, withinMs = 120_000): Promise<{ readonly runId: string; readonly status: string }> {
    const repositories = await this.#repositories();
    const repository = repositories.find(({ jobs }) => jobs.some(({ name }) => name === job));
    if (repository === undefined) throw new Error(`no job ${job}: ${JSON.stringify(repositories)}`);
    const selector = { repositoryLocationName: repository.location.name, repositoryName: REPOSITORY, jobName: job };
    const { launchRun } = await this.ask(LAUNCH, { params: { selector, runConfigData: {}, mode: "default" } });
    const runId = (launchRun as { run?: { runId: string } }).run?.runId;
    if (runId === undefined) throw new Error(`no run was launched: ${JSON.stringify(launchRun)}`);
    const ended = async () => {
      const { runOrError } = await this.ask(RUN, { runId });
      const { status } = runOrError as { status: string };
      return ["SUCCESS", "FAILURE", "CANCELED"].includes(status) && status;
    };
    return { runId, status: await eventually(`run ${runId} ends`, ended, withinMs, 250) };
  }

  async ask(query: string, variables: object = {}): Promise<Readonly<Record<string, unknown>>> {
    const response = await fetch(`${this.#url}/graphql`, {
      method: "POST",
      headers: { "content-type": "application/json" },
      body: JSON.stringify({ query, variables }),
    });
    const { data, errors } = (await response.json()) as { data?: Record<string, unknown>; errors?: unknown };
    if (data == null || errors !== undefined) throw new Error(`Dagster answers ${JSON.stringify(errors)}`);
    return data;
  }

  async #repositories() {
    const { repositoriesOrError } = await this.ask(JOBS);
    const { nodes } = repositoriesOrError as { nodes?: Repository[] };
    return nodes ?? [];
  }
}

interface Repository {
  readonly location: { readonly name: string };
  readonly jobs: readonly { readonly name: string }[];
}
