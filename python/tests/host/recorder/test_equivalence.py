"""The recorder leaves the rows that Dagster's own `handle_new_event` leaves."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Iterator
from contextlib import ExitStack
from itertools import count
from typing import TYPE_CHECKING, Any

import pytest
import recorded_jobs
from orders import run_order
from recorder_double import RecorderDouble, replayed
from sqlalchemy import inspect, text

from dagster_taskiq.host.record.attempt_log import TERMINAL
from dagster_taskiq.host.recorder.events import RecordedEvent

if TYPE_CHECKING:
    from dagster import DagsterInstance, EventLogEntry, JobDefinition

JOBS = {
    "everything": (recorded_jobs.everything, None),
    "weather": (recorded_jobs.defs.resolve_job_def("weather"), "oslo"),
    "winds": (recorded_jobs.defs.resolve_job_def("winds"), "oslo|may"),
}
TABLES = (
    "event_logs",
    "asset_keys",
    "asset_event_tags",
    "asset_check_executions",
    "dynamic_partitions",
    "concurrency_slots",
    "pending_steps",
)
# Ids, and when the database took the row in.
LEFT_OUT = {"id", "event_id", "create_timestamp", "evaluation_event_storage_id"}


@pytest.fixture(scope="module")
def both(open_instance: Any) -> Iterator[tuple[DagsterInstance, DagsterInstance]]:
    """Two instances: Dagster writes to the first itself, a recorder to the second."""
    with ExitStack() as stack:
        yield tuple(stack.enter_context(open_instance(name)) for name in ("first", "second"))


def execute(instance: DagsterInstance, job: JobDefinition, key: str | None) -> Any:
    """Run the job in this process; return its run and the events that it wrote, in order."""
    entries: list[EventLogEntry] = []
    own = instance.handle_new_event

    def note(event: EventLogEntry, **options: Any) -> None:
        entries.append(event)
        own(event, **options)

    instance.handle_new_event = note
    try:
        result = job.execute_in_process(instance=instance, partition_key=key, raise_on_error=False)
    finally:
        instance.handle_new_event = own
    return instance.get_run_by_id(result.run_id), entries


def record(instance: DagsterInstance, run: Any, entries: list[EventLogEntry]) -> None:
    """Have a recorder write the events of steps, attempt by attempt, and Dagster the others."""
    instance.run_storage.add_run(
        run._replace(job_snapshot_id=None, execution_plan_snapshot_id=None)
    )
    recorder = RecorderDouble(instance)
    attempts: dict[str, list[list[EventLogEntry]]] = defaultdict(lambda: [[]])
    for entry in entries:
        event = entry.dagster_event
        if entry.step_key is None or (event is not None and event.step_key is None):
            instance.handle_new_event(entry)
            continue
        if event is not None and event.event_type_value == "STEP_RESTARTED":
            attempts[entry.step_key].append([])
        attempts[entry.step_key][-1].append(entry)
    numbers = count()
    for step, parts in attempts.items():
        for attempt, part in enumerate(parts):
            order = run_order(run, step, retry_count=attempt)
            begun = recorder.begin({"type": "run", "id": f"w{next(numbers)}", **order})
            replayed(begun, part, lambda entry: entry.dagster_event_type in TERMINAL)
    recorder.close()


def rows(instance: DagsterInstance, run_id: str) -> dict[str, list[str]]:
    """Return all rows about the run, by table and step, without what differs by nature."""
    storage: Any = instance.event_log_storage
    found: dict[str, list[str]] = defaultdict(list)
    shards = {"run": storage.run_connection(run_id)}
    if storage.is_run_sharded:
        shards["index"] = storage.index_connection()
    for shard, connecting in shards.items():
        with connecting as connection:
            for table in set(TABLES) & set(inspect(connection).get_table_names()):
                for row in connection.execute(text(f"select * from {table} order by 1")):
                    fields = {k: v for k, v in row._mapping.items() if k not in LEFT_OUT}
                    if "Claimed by worker" not in str(fields) and run_id in str(fields):
                        kept = f"{shard} {table} {fields.get('step_key')}"
                        found[kept].append(without_ids(fields))
    return found


def without_ids(fields: dict[str, Any]) -> str:
    """Return the row's text; the record of an asset's last event has an id inside."""
    record = fields.get("last_materialization")
    if record:
        fields["last_materialization"] = {**json.loads(record), "storage_id": None}
    return json.dumps(fields, sort_keys=True, default=str)


@pytest.mark.parametrize("name", JOBS)
def test_every_table_has_the_rows_that_dagster_itself_leaves(both, name):
    first, second = both
    run, entries = execute(first, *JOBS[name])
    record(second, run, entries)
    expected, found = rows(first, run.run_id), rows(second, run.run_id)
    assert found == expected
    assert sum(map(len, expected.values())) >= len(entries)


@pytest.mark.parametrize("name", JOBS)
def test_a_row_has_the_columns_and_values_of_dagsters_own(both, name):
    first, _ = both
    _, entries = execute(first, *JOBS[name])
    storage: Any = first.event_log_storage
    for entry in entries:
        expected = storage._event_to_row(entry)
        assert RecordedEvent(entry, expected["event"]).row == expected
