"""`python -m dagster_taskiq.run_facts RUN [STEP]`: prints what Dagster knows of a run.

One line of JSON, for `taskiq explain`. It reads the storages and imports no user code. The exit
code is 1, with the reason on stderr, if the instance cannot be opened or does not answer.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from dagster import DagsterEventType

from dagster_taskiq.host.record.planned import mapping_key_of, unresolved

if TYPE_CHECKING:
    from dagster import DagsterInstance, EventLogEntry

Facts = Mapping[str, Any]

_ENDS = {
    DagsterEventType.STEP_SUCCESS: "success",
    DagsterEventType.STEP_FAILURE: "failure",
    DagsterEventType.STEP_SKIPPED: "skipped",
}
_BEGINNINGS = (DagsterEventType.STEP_START, DagsterEventType.STEP_RESTARTED)
_RETRY = DagsterEventType.STEP_UP_FOR_RETRY
_SENT = DagsterEventType.STEP_WORKER_STARTING
_WANTED = {*_ENDS, *_BEGINNINGS, _RETRY, _SENT, DagsterEventType.ENGINE_EVENT}
# Enough for the story of a step that was retried a dozen times.
_MOST_EVENTS = 100
_MOST_HOLDERS = 20
_LONGEST_TEXT = 1_000


@dataclass
class _Step:
    """One step of the run, from its events. Times are Unix seconds."""

    key: str
    needs: Sequence[str] = ()
    """Keys of the steps whose outputs it loads."""
    pool: str | None = None
    attempt: int = 0
    ended: str | None = None
    ended_at: float | None = None
    sent_at: float | None = None
    queue: str | None = None
    """The queue that the run worker sent this attempt to."""
    began_at: float | None = None
    retry_at: float | None = None
    """When the run worker sends the next attempt, at the earliest."""
    events: list[Facts] = field(default_factory=list)

    def take(self, entry: EventLogEntry) -> None:
        kind = entry.dagster_event_type
        event = entry.get_dagster_event()
        said = event.message or entry.user_message
        facts = {"at": entry.timestamp, "type": event.event_type_value, "text": _short(said)}
        self.events.append(facts)
        if kind in _ENDS:
            self.ended, self.ended_at = _ENDS[kind], entry.timestamp
        elif kind is _RETRY:
            self.attempt += 1
            self.sent_at = self.began_at = self.queue = None
            wait = event.step_retry_data.seconds_to_wait
            self.retry_at = entry.timestamp + (wait or 0)
        elif kind is _SENT:
            self.sent_at = entry.timestamp
            queue = event.engine_event_data.metadata.get("queue")
            self.queue = None if queue is None else str(queue.value)
        elif kind in _BEGINNINGS:
            self.began_at = entry.timestamp

    def facts(self, *, events: bool) -> Facts:
        shown = self.events[-_MOST_EVENTS:] if events else []
        return {**vars(self), "needs": list(self.needs), "events": shown}


def facts_of(instance: DagsterInstance, run_id: str, step_key: str | None = None) -> Facts:
    """Return the run with its steps, and the pools that its open steps need.

    `run` is None for a run that this instance does not know. The events of `step_key` come along,
    the newest hundred. Raises whatever the storages raise.
    """
    record = instance.get_run_record_by_id(run_id)
    if record is None:
        return {"run": None, "steps": [], "pools": []}
    run = record.dagster_run
    snapshot_id = run.execution_plan_snapshot_id
    plan = None if snapshot_id is None else instance.get_execution_plan_snapshot(snapshot_id)
    steps = _steps(plan, instance.all_logs(run_id, of_type=_WANTED))
    pools = sorted({step.pool for step in steps if step.pool is not None and step.ended is None})
    return {
        "run": {
            "id": run_id,
            "job": run.job_name,
            "status": run.status.value,
            "executor": None if plan is None else plan.executor_name,
            "created_at": record.create_timestamp.timestamp(),
            "started_at": record.start_time,
            "ended_at": record.end_time,
            "resumed_by_monitoring": instance.run_monitoring_enabled,
        },
        "steps": [step.facts(events=step.key == step_key) for step in steps],
        "pools": [_pool(instance, name) for name in pools],
    }


def _steps(plan: Any, entries: Iterable[EventLogEntry]) -> list[_Step]:
    steps = {} if plan is None else {step.key: step for step in _planned(plan)}
    for entry in entries:
        key = entry.step_key
        if key is None:
            continue
        if key not in steps:
            mapped = steps.get(unresolved(key))
            steps[key] = _Step(key) if mapped is None else _resolved(mapped, key)
        steps[key].take(entry)
    mapped_keys = {unresolved(key) for key in steps if unresolved(key) != key}
    return [step for key, step in steps.items() if key not in mapped_keys]


def _planned(plan: Any) -> Iterator[_Step]:
    executed = set(plan.step_keys_to_execute)
    for step in plan.steps:
        if step.key in executed:
            needs = {
                handle.step_key for each in step.inputs for handle in each.upstream_output_handles
            }
            yield _Step(step.key, sorted(needs & executed), getattr(step, "pool", None))


def _resolved(mapped: _Step, key: str) -> _Step:
    """Make `shout[a]` from `shout[?]`, whose needs are those of the same mapping key."""
    bracket = f"[{mapping_key_of(key)}]"
    return _Step(key, [need.replace("[?]", bracket) for need in mapped.needs], mapped.pool)


def _pool(instance: DagsterInstance, name: str) -> Facts:
    info = instance.event_log_storage.get_concurrency_info(name)
    holders = [{"run": slot.run_id, "step": slot.step_key} for slot in info.claimed_slots]
    return {
        "name": name,
        "slots": info.slot_count,
        "claimed": len(holders),
        "pending": info.pending_step_count,
        "holders": holders[:_MOST_HOLDERS],
    }


def _short(text: str) -> str:
    return text if len(text) <= _LONGEST_TEXT else text[: _LONGEST_TEXT - 1] + "…"


def main(arguments: Sequence[str]) -> int:
    """Print the line; return the exit code."""
    from dagster_taskiq.host.program import Fatal, build_instance

    run_id, *steps = arguments
    try:
        facts = facts_of(build_instance(), run_id, steps[0] if steps else None)
    except Fatal as error:
        sys.stderr.write(f"{error}\n")
        return 1
    except Exception as error:  # noqa: BLE001 - of whatever storage the instance has
        sys.stderr.write(f"the Dagster storage cannot be read: {error}\n")
        return 1
    sys.stdout.write(json.dumps(facts) + "\n")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
