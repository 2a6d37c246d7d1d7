// The seam to whoever may stop this worker's task for a scale-in or a deploy: ECS, asked by way of
// its agent.

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
