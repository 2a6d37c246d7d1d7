// The executor: takes one delivery through its life, one effect at a time. Every command that runs
// or fails steps goes through it.

import type { Outages } from "../outages.ts";
import { stepIdOf } from "../step/step.ts";
import { Delivery, type Received } from "./delivery.ts";
import { claim, wait } from "./effects/claim.ts";
import { ack, bury, release } from "./effects/dispose.ts";
import type { ExecutorPorts, Scene } from "./effects/ports.ts";
import { execute, report } from "./effects/run.ts";
import { abandon, settle } from "./effects/settle.ts";
import { otherInstance } from "./effects/strangers.ts";
import { advance, received as start } from "./lifecycle.ts";
import { policyFor } from "./policy.ts";
import { whyUnsigned } from "./signature.ts";
import type { Disposition, Effect, Event, EventIn, State, Swept } from "./states.ts";

type SweptEvent = Pick<Extract<Event, { is: "swept" }>, "reason" | "detail" | "lies">;

/**
 * Each method resolves when its delivery has met its end. It rejects only for a bug, and never
 * because of a message, a step or a dependency. `quiet` aborts when the delivery may start nothing
 * new.
 */
export class Executor {
  readonly #ports: ExecutorPorts;
  readonly #kill: AbortSignal;

  /** `kill` aborts when the steps that run must end. */
  constructor(ports: ExecutorPorts, kill: AbortSignal) {
    this.#ports = ports;
    this.#kill = kill;
  }

  /** Returns the same executor for the messages of a dead letter queue. */
  outOf(letters: ExecutorPorts["queue"], outages: Outages): Executor {
    return new Executor({ ...this.#ports, queue: letters, outages }, this.#kill);
  }

  async processDelivery(received: Received, quiet: AbortSignal): Promise<Disposition> {
    const { runner, senders, observe } = this.#ports;
    const delivery = new Delivery(received, observe);
    const strange =
      this.#unsigned(delivery) ??
      otherInstance(delivery, runner.instance(), null) ??
      senders.judge(delivery, runner.versions(), false);
    return await this.#live(delivery, strange ?? decodedEvent(delivery, false), quiet);
  }

  /**
   * Ends the step of a message that SQS itself moved to the dead letter queue. The executor's queue
   * is that queue.
   */
  async processDeadLetter(received: Received, lies: Swept, quiet: AbortSignal): Promise<Disposition> {
    const detail = "SQS moved it to the dead letter queue: it was received too often without an end";
    return await this.#endDeadLetter(received, { reason: "moved_by_sqs", detail, lies }, quiet);
  }

  /**
   * Fails the attempt of any dead letter for an operator, even if its policy asks for a retry or
   * for leaving it open.
   */
  async failDeadLetter(received: Received, detail: string, quiet: AbortSignal): Promise<Disposition> {
    return await this.#endDeadLetter(received, { reason: "failed_by_operator", detail, lies: "aside" }, quiet);
  }

  async #endDeadLetter(received: Received, given: SweptEvent, quiet: AbortSignal): Promise<Disposition> {
    const { runner, senders, observe } = this.#ports;
    const delivery = new Delivery(received, observe);
    const forged = this.#unsigned(delivery);
    const { step } = delivery;
    // Without a step there is nothing to end. The message is buried as malformed or unsigned.
    if (forged !== null || step === null)
      return await this.#live(delivery, forged ?? decodedEvent(delivery, true), quiet);
    const malformed = delivery.decoded.kind === "malformed" ? delivery.decoded.detail : null;
    const strange =
      otherInstance(delivery, runner.instance(), given.lies) ??
      (given.reason === "moved_by_sqs" ? senders.judge(delivery, runner.versions(), true) : null);
    return await this.#live(delivery, strange ?? { is: "swept", ...given, step, malformed }, quiet);
  }

  async #live(delivery: Delivery, first: EventIn<"received">, quiet: AbortSignal): Promise<Disposition> {
    const ports = this.#ports;
    const stopping = { quiet, kill: this.#kill };
    const scene: Scene = { delivery, ports, stopping, ...policyFor(ports.policy, delivery.tags) };
    try {
      let [state, effect]: readonly [State, Effect] = advance(start, first);
      while (state.at !== "done") [state, effect] = advance(state, await perform(effect, scene));
      await delivery.lease.end();
      const { disposition } = state;
      delivery.log("debug", "delivery.done", `delivery ${disposition}`, { disposition, ...delivery.overhead() });
      return disposition;
    } finally {
      if (delivery.began) ports.protection?.end();
    }
  }

  /** Returns `null` for a message that this worker believes. */
  #unsigned({ message }: Delivery): EventIn<"received"> | null {
    const detail = whyUnsigned(message, this.#ports.envelopeKeys);
    return detail === null ? null : { is: "unsigned", detail };
  }
}

function decodedEvent(delivery: Delivery, swept: boolean): EventIn<"received"> {
  const { decoded } = delivery;
  switch (decoded.kind) {
    case "step": {
      const { envelope } = decoded;
      return { is: "decoded", step: stepIdOf(envelope), envelope };
    }
    case "malformed":
      return { is: "malformed", detail: decoded.detail, step: decoded.step };
    case "unknown_version": {
      const message = `envelope version ${decoded.version} is not known to this worker; left for a newer one`;
      delivery.log("warn", "delivery.unknown_version", message, { version: decoded.version });
      return { is: "unknown_version", swept };
    }
  }
}

function perform(effect: Effect, scene: Scene): Promise<Event> {
  switch (effect.do) {
    case "claim":
      return claim(scene, effect);
    case "wait":
      return wait(scene, effect);
    case "execute":
      return execute(scene, effect);
    case "report":
      return report(scene, effect);
    case "settle":
      return settle(scene, effect);
    case "abandon":
      return abandon(scene, effect);
    case "bury":
      return bury(scene, effect);
    case "ack":
      return ack(scene);
    case "release":
      return release(scene, effect);
    case "none":
      throw new Error("nothing to perform");
  }
}
