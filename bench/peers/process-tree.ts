// CPU time of the processes below one, by what they are. From /proc: what lives has its own time,
// and the time of its ended and reaped children.
import { execFileSync } from "node:child_process";
import { readdirSync, readFileSync } from "node:fs";

export interface Process {
  readonly pid: number;
  readonly parent: number;
  /** As `ps -o comm` shows it. */
  readonly name: string;
  readonly ownMs: number;
  /** Of its children that have ended, and of their children. */
  readonly reapedMs: number;
}

const msPerTick = 1_000 / Number(execFileSync("getconf", ["CLK_TCK"], { encoding: "utf8" }));

/** `root` first; empty when it has ended. */
export function processTree(root: number): readonly Process[] {
  const all = allProcesses();
  const children = Map.groupBy(all, ({ parent }) => parent);
  const found = all.filter(({ pid }) => pid === root);
  // Grows while it is walked.
  for (const { pid } of found) found.push(...(children.get(pid) ?? []));
  return found;
}

function allProcesses(): Process[] {
  return readdirSync("/proc").flatMap((name) => (/^\d+$/.test(name) ? (readProcess(name) ?? []) : []));
}

function readProcess(pid: string): Process | null {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, "utf8");
    const end = stat.lastIndexOf(")");
    // From the third field on.
    const fields = stat
      .slice(end + 2)
      .split(" ")
      .map(Number);
    const [utime = 0, stime = 0, childrenUtime = 0, childrenStime = 0] = fields.slice(11, 15);
    return {
      pid: Number(pid),
      parent: fields[1] ?? 0,
      name: stat.slice(stat.indexOf("(") + 1, end),
      ownMs: (utime + stime) * msPerTick,
      reapedMs: (childrenUtime + childrenStime) * msPerTick,
    };
  } catch {
    return null; // ended while the folder was read
  }
}
