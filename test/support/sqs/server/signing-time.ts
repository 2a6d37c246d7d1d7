// How AWS refuses a request that was signed at another time than its own.
import { Refusal } from "../../../../cli/dev/sqs-server/refusal.ts";

const TOLERANCE_MS = 300_000;

/** `signedAt` is the header `x-amz-date`. Returns `null` for a time that AWS accepts. */
export function refuseTime(signedAt: string, nowMs: number, code: string): Refusal | null {
  const offMs = Date.parse(signedAt.replace(/^(....)(..)(..T..)(..)/, "$1-$2-$3:$4:")) - nowMs;
  if (!(Math.abs(offMs) > TOLERANCE_MS)) return null;
  const now = written(nowMs);
  const [what, edge, sign] =
    offMs < 0
      ? ["Signature expired", `is now earlier than ${written(nowMs - TOLERANCE_MS)}`, "-"]
      : ["Signature not yet current", `is still later than ${written(nowMs + TOLERANCE_MS)}`, "+"];
  return new Refusal(code, `${what}: ${signedAt} ${edge} (${now} ${sign} 5 min.)`);
}

function written(ms: number): string {
  return new Date(ms).toISOString().replace(/[-:]|\.\d+/g, "");
}
