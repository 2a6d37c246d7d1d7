// Claimer processes from the parent's side. It starts them together, sends orders to all, reads
// their answers one by one, and ends them with the test.
import { type ChildProcess, fork } from "node:child_process";
import { once } from "node:events";
import type { TestContext } from "node:test";
import { eventually } from "../eventually.ts";
import type { Order, Said } from "./claiming-process-main.ts";

const program = new URL("claiming-process-main.ts", import.meta.url);

export class Claimer {
  /** Everything it said, oldest first. */
  readonly heard: Said[] = [];
  readonly #child: ChildProcess;

  constructor(child: ChildProcess) {
    this.#child = child;
    child.on("message", (said: Said) => this.heard.push(said));
  }

  send(order: Order): void {
    this.#child.send(order);
  }

  /** Rejects as soon as it failed at something. */
  async says(said: Said["said"]): Promise<void> {
    await eventually(
      `claimer ${this.#child.pid} says ${said}`,
      () => this.failure ?? this.heard.some((one) => one.said === said),
    );
    if (this.failure !== undefined) throw new Error(this.failure);
  }

  get failure(): string | undefined {
    return this.heard.find((said) => said.said === "failed")?.why;
  }

  get granted(): readonly { readonly key: string; readonly fence: number }[] {
    return this.heard.filter((said) => said.said === "granted");
  }

  async kill(): Promise<void> {
    if (this.#child.exitCode !== null || this.#child.signalCode !== null) return;
    const gone = once(this.#child, "exit");
    this.#child.kill("SIGKILL");
    await gone;
  }
}

/** As many processes, all of them up and waiting for orders. */
export async function startClaimers(t: TestContext, count: number): Promise<readonly Claimer[]> {
  const claimers = Array.from({ length: count }, () => new Claimer(fork(program, { execArgv: [] })));
  t.after(() => Promise.all(claimers.map((claimer) => claimer.kill())));
  await Promise.all(claimers.map((claimer) => claimer.says("ready")));
  return claimers;
}

/** Gives all of them the order at once and waits until each has reported its end. */
export async function tellAll(claimers: readonly Claimer[], order: Order): Promise<void> {
  for (const claimer of claimers) claimer.send(order);
  await Promise.all(claimers.map((claimer) => claimer.says(order.do === "open" ? "opened" : "done")));
}
