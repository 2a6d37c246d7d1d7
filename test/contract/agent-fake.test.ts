// The agent contract on the fake that unit tests use.
import { FakeAgent } from "../support/fake-agent.ts";
import { ManualClock } from "../support/manual-clock.ts";
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
