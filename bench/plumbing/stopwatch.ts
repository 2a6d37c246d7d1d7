// Measures from the end of the warm-up to the last message: wall time, CPU time of this process,
// requests, and where the time went.
import { subscribe } from "node:diagnostics_channel";
import { Session } from "node:inspector/promises";
import process from "node:process";
import type { Job, Measured } from "./job.ts";

interface ProfileNode {
  readonly id: number;
  readonly callFrame: { readonly functionName: string; readonly url: string };
}

export class Stopwatch {
  readonly done: Promise<Measured>;
  readonly #job: Job;
  readonly #session = new Session();
  #finish: (measured: Measured) => void = () => undefined;
  #ended = 0;
  #requests = 0;
  #started = { requests: 0, wallMs: 0, cpu: process.cpuUsage() };

  constructor(job: Job) {
    this.#job = job;
    this.done = new Promise((resolve) => {
      this.#finish = resolve;
    });
    subscribe("http.client.request.start", () => {
      this.#requests += 1;
    });
  }

  async prepare(): Promise<void> {
    if (!this.#job.profile) return;
    this.#session.connect();
    await this.#session.post("Profiler.enable");
    await this.#session.post("Profiler.setSamplingInterval", { interval: 200 });
  }

  ended(messages = 1): void {
    const before = this.#ended;
    this.#ended += messages;
    const { warmUp, count } = this.#job;
    if (before < warmUp && this.#ended >= warmUp) this.#start();
    if (before < warmUp + count && this.#ended >= warmUp + count) void this.#stop();
  }

  #start(): void {
    if (this.#job.profile) void this.#session.post("Profiler.start");
    this.#started = { requests: this.#requests, wallMs: performance.now(), cpu: process.cpuUsage() };
  }

  async #stop(): Promise<void> {
    const { user, system } = process.cpuUsage(this.#started.cpu);
    const wallMs = performance.now() - this.#started.wallMs;
    const requests = this.#requests - this.#started.requests;
    const parts = this.#job.profile ? await this.#parts() : [];
    this.#finish({ messages: this.#job.count, wallMs, cpuMs: (user + system) / 1_000, requests, parts });
  }

  async #parts(): Promise<Measured["parts"]> {
    const { profile } = await this.#session.post("Profiler.stop");
    const byId = new Map((profile.nodes as readonly ProfileNode[]).map((node) => [node.id, partOf(node)]));
    const shares = new Map<string, number>();
    const samples = (profile.samples ?? []).map((id) => byId.get(id) ?? "other").filter((part) => part !== "idle");
    for (const part of samples) shares.set(part, (shares.get(part) ?? 0) + 1 / samples.length);
    return [...shares].sort(([, a], [, b]) => b - a);
  }
}

/** Who a function belongs to, by its file. */
function partOf({ callFrame: { functionName, url } }: ProfileNode): string {
  if (functionName === "(idle)") return "idle";
  if (functionName === "(garbage collector)") return "garbage collector";
  if (functionName === "(program)") return "native code and system calls";
  const dependency = /node_modules\/((?:@[^/]+\/)?[^/]+)/.exec(url)?.[1];
  if (dependency !== undefined) return /^@(?:aws-sdk|smithy|aws)/.test(dependency) ? "AWS SDK" : dependency;
  const own = /\/(core\/(?:queue|ledger|effects)|core|test|bench|cli)\//.exec(url)?.[1];
  return own ?? (url.startsWith("node:") ? `Node: ${url.slice(5).split("/").slice(0, 2).join("/")}` : "other");
}
