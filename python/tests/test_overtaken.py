"""An event that shows after the next one, as concurrent writers to PostgreSQL cause it."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import closing
from typing import TYPE_CHECKING

import psycopg2
import pytest
from dagster import DagsterEvent, DagsterEventType, DagsterInstance, DagsterRunStatus

import dagster_taskiq.executor
from polling import poll_until
from postgres import dagster_yaml
from runs import create_run, executor_config, record_success, resume, status, types, work_on
from sqs_double import SqsDouble

if TYPE_CHECKING:
    from pathlib import Path

_LOCK = 4711
# The event has its number by then, and its transaction waits before it commits.
_HOLD = f"""
CREATE FUNCTION hold_overtaken() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  IF NEW.step_key = 'overtaken' AND NEW.dagster_event_type = 'STEP_SUCCESS' THEN
    PERFORM pg_advisory_xact_lock({_LOCK});
  END IF;
  RETURN NULL;
END $$;
CREATE TRIGGER hold_overtaken AFTER INSERT ON event_logs
  FOR EACH ROW EXECUTE FUNCTION hold_overtaken();
"""


@pytest.fixture
def instance(postgres_url: str, tmp_path: Path) -> Iterator[DagsterInstance]:
    (tmp_path / "dagster.yaml").write_text(
        "telemetry:\n  enabled: false\n" + dagster_yaml(postgres_url)
    )
    with DagsterInstance.from_config(str(tmp_path)) as opened:
        yield opened


@pytest.mark.parametrize("resumed", [False, True])
def test_the_end_of_a_step_is_seen_however_late_it_shows(
    instance: DagsterInstance,
    sqs: SqsDouble,
    postgres_url: str,
    monkeypatch: pytest.MonkeyPatch,
    resumed: bool,
) -> None:
    # The soon one finds it, unless the machine takes longer from one event to the other.
    monkeypatch.setattr(dagster_taskiq.executor, "LOOK_AGAIN_SECONDS", (0.5, 40.0))
    run = create_run(instance, "races", executor_config(sqs))
    if resumed:
        start = DagsterEvent(DagsterEventType.PIPELINE_START.value, run.job_name)
        instance.report_dagster_event(start, run.run_id)
    with closing(psycopg2.connect(postgres_url)) as ours:
        ours.autocommit = True
        cursor = ours.cursor()
        cursor.execute(_HOLD)
        cursor.execute(f"SELECT pg_advisory_lock({_LOCK})")

        def is_held() -> bool:
            cursor.execute(f"SELECT 1 FROM pg_locks WHERE objid = {_LOCK} AND NOT granted")
            return cursor.fetchone() is not None

        def work() -> None:
            sqs.wait_for_messages(2)
            late = threading.Thread(target=record_success, args=(instance, run, "overtaken"))
            late.start()
            poll_until(is_held)
            record_success(instance, run, "overtakes")
            # Sent because the end of the one was read: the other's has a lower number.
            sqs.wait_for_messages(3)
            cursor.execute(f"SELECT pg_advisory_unlock({_LOCK})")
            late.join()
            record_success(instance, run, "after_overtakes")
            sqs.wait_for_messages(4)
            record_success(instance, run, "after_overtaken")

        worker = threading.Thread(target=work, daemon=True)
        worker.start()
        try:
            (resume if resumed else work_on)(instance, run)
            worker.join()
        finally:
            cursor.execute("DROP FUNCTION hold_overtaken CASCADE")
    assert status(instance, run) is DagsterRunStatus.SUCCESS
    assert types(instance, run).count(("overtaken", "STEP_SUCCESS")) == 1
