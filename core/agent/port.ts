// The agent: through it, the worker asks ECS not to stop its task in a scale-in or a deploy.

export type AgentAnswer =
  | { readonly kind: "done" }
  /** Nothing has changed. */
  | { readonly kind: "refused"; readonly why: string }
  /** It may have been done all the same: no answer came in time, or none that can be read. */
  | { readonly kind: "unknown"; readonly why: string };

export interface Agent {
  /**
   * Protects the task for so many whole minutes (1 to 2880) from now, whatever was asked before.
   * Rejects for nothing that the agent does.
   */
  protect(minutes: number, signal: AbortSignal): Promise<AgentAnswer>;
  /** Ends the protection; done, too, when there was none. */
  drop(signal: AbortSignal): Promise<AgentAnswer>;
}
