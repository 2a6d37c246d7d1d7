// The agent contract on the fake that unit tests use.

import { ManualClock } from "../support/clocks/manual-clock.ts";
import { FakeAgent } from "../support/ports/fake-agent.ts";
import { agentContract } from "./agent.ts";

agentContract("fake", async () => {
  const agent = new FakeAgent(new ManualClock());
  return {
    agent,
    minutes: () => agent.minutes,
    refuse: (why) => {
      agent.no = { kind: "refused", why };
    },
    fallSilent: () => {
      agent.takesMs = 1_000;
    },
  };
});
