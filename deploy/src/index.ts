// What a Pulumi program imports.
// biome-ignore-all lint/performance/noBarrelFile: the package's entry
export { defaultSizing, graceSeconds, type Sizing } from "./settings.ts";
export { createTaskiqInfrastructure, TaskiqWorkers } from "./taskiq-workers.ts";
export type { TaskiqWorkersArgs } from "./workers-args.ts";
