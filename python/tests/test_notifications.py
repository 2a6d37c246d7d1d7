"""How the run worker learns of events: woken by PostgreSQL, or by looking, sooner after events."""

from __future__ import annotations

import gc
import os
import threading
from collections.abc import Callable, Iterator
from contextlib import closing
from typing import TYPE_CHECKING, Any

import psycopg2
import pytest
from dagster import DagsterEventType, DagsterInstance, DagsterRun, DagsterRunStatus
from dagster._core.storage.event_log import InMemoryEventLogStorage

from dagster_taskiq import notifications, pauses
from dagster_taskiq.notifications import APPLICATION_NAME, RunNotifications, notifications_of
from dagster_taskiq.pauses import LISTENING, POLLING, Pace
from polling import poll_until
from postgres import dagster_yaml
from runs import create_run, executor_config, record_success, status, work_on
from sqs_double import SqsDouble

if TYPE_CHECKING:
    from pathlib import Path

# No run here ends by a pause of this length: whatever ends one did not wait for it.
NEVER = 100_000.0
Count = Callable[[str], Any]


@pytest.fixture
def on_postgres(postgres_url: str, tmp_path: Path) -> Iterator[DagsterInstance]:
    home = tmp_path / "postgres"
    home.mkdir()
    (home / "dagster.yaml").write_text(
        "telemetry:\n  enabled: false\n" + dagster_yaml(postgres_url)
    )
    with DagsterInstance.from_config(str(home)) as opened:
        yield opened


@pytest.fixture
def of_listeners(postgres_url: str) -> Iterator[Count]:
    """Select something of the connections that listen."""
    with closing(psycopg2.connect(postgres_url)) as admin:
        admin.autocommit = True
        cursor = admin.cursor()

        def select(what: str) -> Any:
            where = "FROM pg_stat_activity WHERE application_name = %s"
            cursor.execute(f"SELECT {what} {where}", [APPLICATION_NAME])
            return cursor.fetchone()[0]

        yield select


def ends_in_time(instance: DagsterInstance, sqs: SqsDouble, begin: Callable[[], None]) -> None:
    """Run a chain of two steps, whose worker waits for `begin`. A run that nothing wakes fails."""
    run = create_run(instance, "shares_antenna", executor_config(sqs, poll_interval_seconds=NEVER))

    def work() -> None:
        for number, step_key in enumerate(("warm_up", "transmit"), start=1):
            sqs.wait_for_messages(number)
            begin()
            record_success(instance, run, step_key)

    worker = threading.Thread(target=work, daemon=True)
    worker.start()
    work_on(instance, run)
    worker.join()
    assert status(instance, run) is DagsterRunStatus.SUCCESS


def test_a_notification_alone_wakes_the_run_worker(
    on_postgres: DagsterInstance,
    sqs: SqsDouble,
    of_listeners: Count,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    endless = Pace(shortest=NEVER, share=1.0, rest=1.0)
    monkeypatch.setattr(pauses, "POLLING", endless)
    monkeypatch.setattr(pauses, "LISTENING", endless)
    seen: list[int] = []
    ends_in_time(on_postgres, sqs, lambda: seen.append(of_listeners("count(*)")))
    assert seen == [1, 1]
    poll_until(lambda: of_listeners("count(*)") == 0)


def test_a_run_whose_listening_connections_are_cut_ends_by_looking(
    on_postgres: DagsterInstance, sqs: SqsDouble, of_listeners: Count
) -> None:
    def cut() -> None:
        of_listeners("count(pg_terminate_backend(pid))")
        poll_until(lambda: of_listeners("count(*)") == 0)

    ends_in_time(on_postgres, sqs, cut)


def test_a_lost_connection_is_made_again(
    on_postgres: DagsterInstance, of_listeners: Count, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(notifications, "FIRST_RETRY_SECONDS", 0.01)
    listener = listen(on_postgres, "a-run")
    with closing(listener):
        of_listeners("count(pg_terminate_backend(pid))")
        poll_until(lambda: of_listeners("count(*)") == 0)
        listener.wait(NEVER)
        poll_until(lambda: listener.wait(0.01) is None and of_listeners("count(*)") == 1)


def test_a_refused_listen_leaves_the_run_worker_looking(
    on_postgres: DagsterInstance, sqs: SqsDouble, monkeypatch: pytest.MonkeyPatch
) -> None:
    # PostgreSQL refuses no role a LISTEN; a standby, and what only speaks its protocol, refuse all.
    monkeypatch.setattr(notifications, "CHANNEL", "1")
    ends_in_time(on_postgres, sqs, lambda: None)


def test_notifications_that_a_pooler_swallows_leave_the_run_worker_looking(
    on_postgres: DagsterInstance, sqs: SqsDouble, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(notifications, "CHANNEL", "what_nothing_is_sent_to")
    ends_in_time(on_postgres, sqs, lambda: None)


def test_on_sqlite_the_run_worker_looks_often_while_steps_are_short(
    instance: DagsterInstance, sqs: SqsDouble
) -> None:
    ends_in_time(instance, sqs, lambda: None)


@pytest.fixture
def run(on_postgres: DagsterInstance, sqs: SqsDouble) -> DagsterRun:
    return create_run(on_postgres, "ticks", executor_config(sqs))


def listen(instance: DagsterInstance, run_id: str) -> RunNotifications:
    kinds = [DagsterEventType.STEP_SUCCESS]
    listener = notifications_of(instance.event_log_storage, run_id, kinds)
    assert listener is not None
    return listener


def test_events_of_other_runs_and_kinds_do_not_wake_the_run_worker(
    on_postgres: DagsterInstance, sqs: SqsDouble, run: DagsterRun
) -> None:
    other = create_run(on_postgres, "ticks", executor_config(sqs))
    with closing(listen(on_postgres, run.run_id)) as listener:
        record_success(on_postgres, other, "tick_a")
        on_postgres.report_engine_event("nothing that the executor acts on", run)
        waiting = threading.Thread(target=listener.wait, args=(NEVER,), daemon=True)
        waiting.start()
        poll_until(lambda: listener.arrive)
        assert waiting.is_alive()
        record_success(on_postgres, run, "tick_a")
        waiting.join(180)
        assert not waiting.is_alive()


def test_an_event_that_nothing_announced_makes_looks_frequent_again(
    on_postgres: DagsterInstance, run: DagsterRun
) -> None:
    with closing(listen(on_postgres, run.run_id)) as listener:
        record_success(on_postgres, run, "tick_a")
        listener.wait(NEVER)
        listener.found_events()
        assert listener.arrive
        listener.found_events()
        assert not listener.arrive


def test_a_fork_leaves_the_connection_to_the_run_worker(
    on_postgres: DagsterInstance, run: DagsterRun
) -> None:
    listener = listen(on_postgres, run.run_id)
    if (pid := os.fork()) == 0:
        del listener
        gc.collect()
        os._exit(0)
    os.waitpid(pid, 0)
    with closing(listener):
        record_success(on_postgres, run, "tick_a")
        listener.wait(NEVER)
        assert listener.arrive


@pytest.fixture
def woken(on_postgres: DagsterInstance, run: DagsterRun) -> Iterator[RunNotifications]:
    """A notification of the run's first success has just ended its wait."""
    with closing(listen(on_postgres, run.run_id)) as heard:
        record_success(on_postgres, run, "tick_a")
        heard.wait(NEVER)
        yield heard


LOOK = "SELECT event_logs.id, event_logs.event"


def test_the_look_after_a_notification_and_no_other_one_uses_the_connection_that_listens(
    on_postgres: DagsterInstance, run: DagsterRun, woken: RunNotifications, of_listeners: Count
) -> None:
    news = of_listeners("query")

    def look() -> int:
        return len(on_postgres.all_logs(run.run_id, of_type=DagsterEventType.STEP_SUCCESS))

    def look_in_a_thread() -> int:
        other = threading.Thread(target=look)
        other.start()
        other.join()
        assert of_listeners("query") == news
        return look()

    assert woken.look(look_in_a_thread) == 1
    assert of_listeners("query").startswith(LOOK)
    began = of_listeners("query_start")
    assert woken.look(look) == 1
    assert of_listeners("query_start") == began


def test_a_look_over_a_connection_that_is_cut_is_made_over_another(
    on_postgres: DagsterInstance, run: DagsterRun, woken: RunNotifications, of_listeners: Count
) -> None:
    of_listeners("count(pg_terminate_backend(pid))")
    poll_until(lambda: of_listeners("count(*)") == 0)
    assert len(woken.look(lambda: on_postgres.all_logs(run.run_id))) > 0


def test_the_run_worker_connects_to_no_other_kind_of_storage(instance: DagsterInstance) -> None:
    for storage in (instance.event_log_storage, InMemoryEventLogStorage()):
        assert notifications_of(storage, "a-run", []) is None


def test_a_pause_follows_the_time_without_events_up_to_the_longest() -> None:
    quiet = [0.0, 1.0, 10.0, 1000.0]
    assert [POLLING.pause(seconds, 0.0, 30.0) for seconds in quiet] == [0.02, 0.1, 1.0, 30.0]
    assert [LISTENING.pause(seconds, 0.0, 30.0) for seconds in quiet] == [0.25, 1.0, 10.0, 30.0]
    assert POLLING.pause(1000.0, 0.0, 0.01) == 0.01


def test_looks_that_take_long_are_rarer() -> None:
    assert POLLING.pause(0.0, 0.5, 30.0) == 2.0
