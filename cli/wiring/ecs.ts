// Opens the agent of ECS, through which a worker asks for its task's protection.
import { ecsAgent } from "../../core/agent/ecs-agent.ts";
import type { Agent } from "../../core/agent/port.ts";
import { systemClock as clock } from "../../core/clock.ts";
import type { Env } from "../options/resolve.ts";

/** Returns `null` outside an ECS task. */
export function openAgent(env: Env): Agent | null {
  const uri = env["ECS_AGENT_URI"] ?? "";
  return uri === "" ? null : ecsAgent(uri, clock);
}
