// The stages of `npm test`, in the order that finds a mistake soonest, and then the longest first.
import { audit } from "./audit.ts";
import { type Check, command } from "./command.ts";
import { OLDEST } from "./dagster-versions.ts";
import { deployTests } from "./deploy-tests.ts";
import { nodeTests } from "./node-tests.ts";
import { onDagster } from "./on-dagster.ts";
import { pytest } from "./pytest.ts";
import { otherRuntimes, prepareRuntimes, testsOn } from "./runtime-tests.ts";
import type { Startable } from "./side-by-side.ts";

export interface Stage extends Startable {
  /** What it checks, for the heading. */
  readonly what: string;
  /** Part of `npm test -- quick`. */
  readonly quick: boolean;
  readonly run: Check;
}

const bin = "node_modules/.bin";
const python = [".venv/bin/python", "-m"] as const;
const ruff = [...python, "ruff"] as const;
const mypy = [...python, "mypy", "--config-file", "python/pyproject.toml"] as const;
// The package's settings count for its own files by themselves, with paths that begin there; for
// these they must be named.
const otherPython = ["--config", "python/pyproject.toml", "fixtures", "dev", "test", "cli"];

const wholeHosts = ["python/tests/host/base", "python/tests/host/location"];

export const stages: readonly Stage[] = [
  {
    name: "types",
    what: "the TypeScript compiler",
    quick: true,
    needs: [],
    run: command([`${bin}/tsc`], [`${bin}/tsc`, "-p", "core/status/page"]),
  },
  {
    name: "lint",
    what: "rules and format of everything but Python",
    quick: true,
    needs: [],
    run: command([`${bin}/biome`, "check", "--error-on-warnings"]),
  },
  {
    name: "python-lint",
    what: "rules and format of Python",
    quick: true,
    needs: [],
    run: command(
      [...ruff, "check", "python"],
      [...ruff, "check", ...otherPython],
      [...ruff, "format", "--check", "python"],
      [...ruff, "format", "--check", ...otherPython],
    ),
  },
  {
    // Before the unit tests: the one that guards the module boundaries reads what the bundler
    // found.
    name: "build",
    what: "the bundle dist/taskiq.mjs",
    quick: true,
    needs: [],
    run: command([process.execPath, "build.mjs", "bundle"]),
  },
  {
    name: "unit",
    what: "decisions and rendering, module boundaries",
    quick: true,
    needs: ["build"],
    run: nodeTests({
      files: ["test/unit/**/*.test.ts", "test/*.test.ts"],
      concurrency: 2,
      timeoutMs: 30_000,
      filesPerProcess: 12,
    }),
  },
  {
    name: "contract",
    what: "every adapter of a port against the port's one suite",
    quick: true,
    needs: [],
    run: nodeTests({ files: ["test/contract/**/*.test.ts"], concurrency: 2, timeoutMs: 30_000 }),
  },
  {
    name: "audit",
    what: "known vulnerabilities of what the worker is made of",
    quick: false,
    needs: [],
    run: audit(),
  },
  {
    name: "deploy",
    what: "the Pulumi component: types, what it would make, and that run with the bundle",
    quick: false,
    needs: ["build"],
    run: deployTests,
  },
  {
    name: "simulation-short",
    what: "simulated fleets and their faults, for a few seconds",
    quick: true,
    needs: [],
    run: nodeTests({ files: ["test/simulation/*.test.ts"], concurrency: 2, timeoutMs: 60_000 }),
  },
  {
    name: "python-types",
    what: "mypy, strict",
    quick: false,
    needs: [],
    run: command([...mypy, "python/src", "fixtures/definitions", "dev", "test/support", "cli"]),
  },
  {
    name: "e2e",
    what: "the bundle as users run it",
    quick: false,
    needs: ["build"],
    run: nodeTests({ files: ["test/e2e/**/*.test.ts"], concurrency: 3, timeoutMs: 300_000 }),
  },
  {
    name: "python-host",
    what: "the step host, with real processes and databases",
    quick: false,
    needs: [],
    run: pytest(["python/tests/host", ...wholeHosts.map((room) => `--ignore=${room}`)]),
  },
  {
    // Apart, because one stage of both would end long after all others.
    name: "python-whole-host",
    what: "the step host as a whole, with code locations",
    quick: false,
    needs: [],
    run: pytest(wholeHosts),
  },
  {
    name: "python-tests",
    what: "the rest of the Python package, and its conformance with Dagster",
    quick: false,
    needs: [],
    run: pytest(["python/tests", "--ignore=python/tests/host"]),
  },
  {
    name: "integration",
    what: "SQS over HTTP, Dagster and child processes, all real",
    quick: false,
    needs: [],
    // Each file has processes of its own: more at a time than two would wait for each other.
    run: nodeTests({ files: ["test/integration/**/*.test.ts"], concurrency: 2, timeoutMs: 180_000 }),
  },
  {
    name: "simulation",
    what: "40,000 simulated deliveries, every order of events for one; each rule broken, and found to be",
    quick: false,
    needs: ["simulation-short"],
    // Both files have threads of their own.
    run: nodeTests({ files: ["test/simulation/{long,exhaustive}/*.test.ts"], concurrency: 1, timeoutMs: 300_000 }),
  },
  {
    name: "runtimes-build",
    what: "other runtimes, and everything that is released",
    quick: false,
    needs: ["build"],
    run: prepareRuntimes,
  },
  ...otherRuntimes.map((name) => ({
    name: `runtimes-${name}`,
    what: `a part of the end-to-end tests on ${name}`,
    quick: false,
    needs: ["runtimes-build"],
    run: testsOn(name),
  })),
  {
    name: "oldest-dagster",
    what: "Dagster's private names and the step host on the oldest supported Dagster",
    quick: false,
    needs: [],
    run: onDagster(OLDEST),
  },
];
