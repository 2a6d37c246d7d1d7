"""Events written at once stand in the log as if Dagster had written them one by one."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import closing
from typing import TYPE_CHECKING

import pytest
from dagster import DagsterEventType, DagsterInstance, DagsterRun
from dagster._core.storage.event_log import InMemoryEventLogStorage

from dagster_taskiq.event_batch import written_at_once
from dagster_taskiq.notifications import notifications_of
from postgres import dagster_yaml
from runs import create_run, executor_config
from sqs_double import SqsDouble

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture(params=["sqlite", "postgres"])
def instance(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[DagsterInstance]:
    yaml = "telemetry:\n  enabled: false\n"
    if request.param == "postgres":
        yaml += dagster_yaml(request.getfixturevalue("postgres_url"))
    (tmp_path / "dagster.yaml").write_text(yaml)
    with DagsterInstance.from_config(str(tmp_path)) as opened:
        yield opened


def logged(instance: DagsterInstance, run: DagsterRun) -> list[str | None]:
    return [entry.get_dagster_event().message for entry in instance.all_logs(run.run_id)]


def test_batched_events_are_in_order_once_the_block_ends(
    instance: DagsterInstance, sqs: SqsDouble
) -> None:
    run = create_run(instance, "ticks", executor_config(sqs))
    storage = instance.event_log_storage

    with written_at_once(storage):
        instance.report_engine_event("first", run)
        instance.report_engine_event("second", run)
        other = threading.Thread(target=instance.report_engine_event, args=("another's", run))
        other.start()
        other.join()
        assert logged(instance, run) == ["another's"]
    assert logged(instance, run) == ["another's", "first", "second"]
    instance.report_engine_event("third", run)
    assert logged(instance, run) == ["another's", "first", "second", "third"]


def test_a_block_that_raises_writes_nothing(instance: DagsterInstance, sqs: SqsDouble) -> None:
    run = create_run(instance, "ticks", executor_config(sqs))

    def fail() -> None:
        with written_at_once(instance.event_log_storage):
            instance.report_engine_event("first", run)
            raise ValueError

    with pytest.raises(ValueError, match=r"^$"):
        fail()
    instance.report_engine_event("second", run)
    assert [entry.get_dagster_event().message for entry in instance.all_logs(run.run_id)] == [
        "second"
    ]


@pytest.mark.parametrize("instance", ["postgres"], indirect=True)
def test_batched_events_are_announced(instance: DagsterInstance, sqs: SqsDouble) -> None:
    run = create_run(instance, "ticks", executor_config(sqs))
    storage = instance.event_log_storage
    listener = notifications_of(storage, run.run_id, [DagsterEventType.ENGINE_EVENT])
    assert listener is not None
    with closing(listener):
        with written_at_once(storage):
            instance.report_engine_event("first", run)
            instance.report_engine_event("second", run)
        listener.wait(100_000)
        assert listener.arrive


def test_other_storages_write_batched_events_one_by_one() -> None:
    storage = InMemoryEventLogStorage()
    with written_at_once(storage):
        assert "store_event" not in vars(storage)
