// Who used the CPU: the processes of a taskiq worker and of PostgreSQL by their kind.
import { type Process, processTree } from "./process-tree.ts";

/** Milliseconds of CPU by kind of process. */
export type CpuByKind = Readonly<Record<string, number>>;

/**
 * What the children of a process are by their names. A fork keeps its parent's name until it takes
 * another.
 */
const childrenOf: Readonly<Record<string, Readonly<Record<string, string>>>> = {
  base: { "taskiq-code": "location host", "taskiq-watcher": "watcher", "taskiq-recorder": "recorder" },
  "location host": { "taskiq-run": "run template" },
};
const parentsOfSteps = ["location host", "run template", "steps"];

/** Of a worker's processes, `root` being its Node. */
export function workerCpu(root: number): CpuByKind {
  const spent = new Map<string, number>();
  for (const { kind, ...process } of processesByKind(root)) {
    add(spent, kind, process.ownMs);
    add(spent, parentsOfSteps.includes(kind) ? "steps" : "other forks", process.reapedMs);
  }
  return Object.fromEntries(spent);
}

/** The processes that steps run in; what a step starts itself counts too. */
export function stepProcesses(root: number): readonly number[] {
  return processesByKind(root).flatMap(({ kind, pid }) => (kind === "steps" ? [pid] : []));
}

function processesByKind(root: number): readonly (Process & { readonly kind: string })[] {
  const kinds = new Map<number, string>();
  return processTree(root).map((process) => {
    const kind = kindOf(process, root, kinds.get(process.parent) ?? "");
    kinds.set(process.pid, kind);
    return { ...process, kind };
  });
}

function kindOf({ pid, name }: Process, root: number, parent: string): string {
  if (pid === root) return "Node worker";
  if (parent === "Node worker") return "base";
  const known = childrenOf[parent]?.[name];
  if (known !== undefined) return known;
  return parentsOfSteps.includes(parent) ? "steps" : "other forks";
}

/** Of every process below one, without kinds. */
export function totalCpu(root: number): number {
  return processTree(root).reduce((sum, { ownMs, reapedMs }) => sum + ownMs + reapedMs, 0);
}

export function cpuSince(before: CpuByKind, now: CpuByKind): CpuByKind {
  const kinds = [...new Set([...Object.keys(before), ...Object.keys(now)])];
  const spent = kinds.map((kind): [string, number] => [kind, (now[kind] ?? 0) - (before[kind] ?? 0)]);
  return Object.fromEntries(spent.filter(([, ms]) => ms > 0));
}

export function sumOf(cpu: CpuByKind): number {
  return Object.values(cpu).reduce((sum, ms) => sum + ms, 0);
}

function add(spent: Map<string, number>, kind: string, ms: number): void {
  spent.set(kind, (spent.get(kind) ?? 0) + ms);
}
