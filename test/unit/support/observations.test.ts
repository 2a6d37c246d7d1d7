// The names of what the worker tells: alarms and dashboards match on them, so a rename must be noticed and told to users.
import assert from "node:assert/strict";
import { globSync, readFileSync } from "node:fs";
import { test } from "node:test";

const root = new URL("../../../", import.meta.url);

const names = [
  "config.warning",
  "control.off",
  "control.open",
  "control.refused",
  "dead_letter.buried",
  "dead_letter.failed",
  "delivery.ack_failed",
  "delivery.bug",
  "delivery.done",
  "delivery.duplicate",
  "delivery.give_back_failed",
  "delivery.given_back",
  "delivery.held",
  "delivery.newer_dagster",
  "delivery.other_dagster",
  "delivery.other_instance",
  "delivery.release_failed",
  "delivery.released",
  "delivery.unknown_version",
  "drain.count_failed",
  "drain.done",
  "drain.progress",
  "endpoint.bug",
  "host.broken_frame",
  "host.frames_closed",
  "host.location_failed",
  "host.location_imported",
  "host.location_unforkable",
  "host.lost",
  "host.output",
  "host.ready",
  "host.start_failed",
  "intake.closed",
  "intake.open",
  "intake.receive_failed",
  "lease.lost",
  "lease.renew_failed",
  "lease.visibility_lost",
  "ledger.missing",
  "ledger.prune_failed",
  "ledger.pruned",
  "ledger.row_refused",
  "ledger.row_unreadable",
  "ledger.unreachable",
  "notice.lost",
  "outage.over",
  "process.stray_output",
  "protection.failed",
  "protection.missing",
  "protection.off",
  "protection.on",
  "queue.credentials_not_renewed",
  "queue.dead_letter_note_shortened",
  "queue.entries_failed",
  "queue.receive_retried",
  "queue.sdk_warning",
  "queue.warning",
  "quiet.unread",
  "step.claimed",
  "step.cut_short",
  "step.ended",
  "step.fault",
  "step.given_up",
  "step.not_open",
  "step.output",
  "step.over_limit",
  "step.permit_refused",
  "step.requeued",
  "step.run_deleted",
  "step.settled",
  "step.tag_ignored",
  "step.unknown_run",
  "sweep.failed",
  "sweep.hidden",
  "sweep.off",
  "worker.bug",
  "worker.close_failed",
  "worker.quiet",
  "worker.resumed",
  "worker.signal",
  "worker.started",
  "worker.stop_cut",
  "worker.stopped",
  "worker.stopping",
];

/** Where an observation is made: `event: …` up to the line's end, or the second argument of `tell`. */
const toldAs = /\bevent: (?<event>[^\n]*)|\b(?:tell|about)\(\s*"\w+",\s*(?<told>"[^"]*")/g;
const dotted = /"([a-z_]+\.[a-z_]+)"/g;

test("every event has one of the names that users know", () => {
  const found = globSync("{core,cli}/**/*.ts", { cwd: root }).flatMap((file) => namesIn(file));
  assert.deepEqual([...new Set(found)].sort(), names);
});

function namesIn(file: string): readonly string[] {
  const source = readFileSync(new URL(file, root), "utf8");
  return [...source.matchAll(toldAs)].flatMap(({ groups }) =>
    [...(groups?.["event"] ?? groups?.["told"] ?? "").matchAll(dotted)].map(([, name]) => name ?? ""),
  );
}
