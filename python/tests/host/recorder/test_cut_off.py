"""Whatever breaks between the recorder and PostgreSQL, at whatever statement, and for how long."""

from __future__ import annotations

import signal
import time
from collections.abc import Iterator
from itertools import count
from pathlib import Path
from typing import TYPE_CHECKING, Any

import psycopg2
import pytest
from dagster import DagsterInstance
from orders import events, run_order, terminal_events
from recorder_double import RecorderDouble, Step
from step_entries import dynamic_output, materialized, message, started, succeeded

if TYPE_CHECKING:
    from database_proxy import DatabaseProxy

numbers = count()
BEFORE_THE_END = ["STEP_START", "STEP_OUTPUT", "ASSET_MATERIALIZATION", "STEP_OUTPUT"]
# From connecting to the notification there are fewer.
MOST_STATEMENTS = 40


@pytest.fixture(scope="module")
def instance(open_postgres: Any, proxy: DatabaseProxy) -> Iterator[DagsterInstance]:
    with open_postgres("proxied") as instance:
        yield instance


@pytest.fixture
def begin(recorder: RecorderDouble, run: Any) -> Any:
    return lambda: recorder.begin(
        {"type": "run", "id": f"w{next(numbers)}", **run_order(run, "greet")}
    )


def send_all(step: Step, run: Any) -> None:
    step.event(started(run))
    step.event(dynamic_output(run, "a"))
    step.event(materialized(run))
    step.event(dynamic_output(run, "b"))
    step.end(succeeded(run))


def answer_of(step: Step, within_ms: int = 60_000) -> str:
    """Grant a permit if one is asked for; return the last frame that the step process gets."""
    link = step.recorder.link
    while True:
        for answer in ("ended", "refused", "failed"):
            if step.peer.has_sent(answer):
                return answer if answer == "ended" else f"{answer}: {step.peer.expect(answer)}"
        if link.has_sent("ask"):
            step.recorder.grant(within_ms)
        time.sleep(0.01)


@pytest.mark.parametrize("way", ["cut before", "cut after"])
def test_a_connection_cut_at_any_statement_loses_nothing_and_doubles_nothing(
    instance, proxy, create_run, way
):
    for number in range(1, MOST_STATEMENTS):
        run = create_run("greet", instance=instance)
        recorder = RecorderDouble(instance)
        proxy.break_at(number, way)
        step = recorder.begin({"type": "run", "id": "w", **run_order(run, "greet")})
        send_all(step, run)
        answer = answer_of(step)
        step.gone()
        recorder.close()
        reached = len(proxy.statements) >= number
        where = f"{way} {number}: {proxy.statements[number - 1 :][:1]} {answer}"
        proxy.break_at(0, "")
        found = [kind for kind in events(instance, run, "greet") if kind != "ENGINE_EVENT"]
        # One cut is mended by another connection, whatever was on its way.
        assert (answer, found) == ("ended", [*BEFORE_THE_END, "STEP_SUCCESS"]), where
        if not reached:
            break
    else:
        pytest.fail(f"a step takes more than {MOST_STATEMENTS} statements")
    assert number > 8


def test_a_recorder_killed_at_any_statement_leaves_a_prefix_of_the_events(
    instance, proxy, create_run
):
    for number in range(1, MOST_STATEMENTS):
        run = create_run("greet", instance=instance)
        recorder = RecorderDouble(instance)
        proxy.break_at(number, "hold", lambda: recorder.signal(signal.SIGKILL))  # noqa: B023
        step = recorder.begin({"type": "run", "id": "w", **run_order(run, "greet")})
        send_all(step, run)
        try:
            answer = answer_of(step)
        except (EOFError, OSError):
            answer = "none"
        recorder.close()
        reached = len(proxy.statements) >= number
        proxy.break_at(0, "")
        found = [kind for kind in events(instance, run, "greet") if kind != "ENGINE_EVENT"]
        whole = [*BEFORE_THE_END, "STEP_SUCCESS"]
        assert found == whole[: len(found)], number
        assert found == whole or answer == "none", number
        if not reached:
            break
    else:
        pytest.fail(f"a step takes more than {MOST_STATEMENTS} statements")


@pytest.mark.parametrize("frozen", ["recorder", "network"])
def test_what_stands_still_past_the_deadline_writes_no_terminal_event(
    instance, proxy, recorder, create_run, frozen
):
    for number, statement in ((2, "BEGIN"), (3, "INSERT"), (4, "COMMIT")):
        run = create_run("greet", instance=instance)
        step = recorder.begin({"type": "run", "id": f"f{number}", **run_order(run, "greet")})
        step.event(started(run))
        step.flush()

        def stand_still() -> None:
            if frozen == "recorder":
                recorder.signal(signal.SIGSTOP)
            time.sleep(3.2)
            recorder.signal(signal.SIGCONT)

        proxy.break_at(number, "hold", stand_still)
        step.end(succeeded(run))
        assert answer_of(step, within_ms=3000).startswith("refused")
        assert statement.encode() in proxy.statements[number - 1]
        proxy.break_at(0, "")
        assert recorder.outcome()["error"]["class"] == "PermitLapsed"
        step.gone()
        assert terminal_events(instance, run) == []


@pytest.mark.parametrize("frozen", ["recorder", "network"])
def test_what_stands_still_past_the_lease_writes_nothing_behind_the_end_of_the_attempt(
    instance, proxy, recorder, create_run, frozen
):
    for number, statement in ((1, "BEGIN"), (2, "INSERT"), (3, "COMMIT")):
        run = create_run("greet", instance=instance)
        step = recorder.begin({"type": "run", "id": f"l{number}", **run_order(run, "greet")})
        step.flush()

        def stand_still(run: Any = run) -> None:
            if frozen == "recorder":
                recorder.signal(signal.SIGSTOP)
            time.sleep(1.2)
            # Over another connection, as another worker does.
            with DagsterInstance.from_ref(instance.get_ref()) as other:
                other.handle_new_event(succeeded(run))
            recorder.signal(signal.SIGCONT)

        proxy.break_at(number, "hold", stand_still)
        recorder.let_lapse(step, within=1)
        step.event(started(run))
        step.event(dynamic_output(run, "a"))
        step.gone()
        assert statement.encode() in proxy.statements[number - 1]
        proxy.break_at(0, "")
        assert events(instance, run, "greet") == ["ENGINE_EVENT", "STEP_SUCCESS"]


REFUSES_AT_COMMIT = """
create function refuse() returns trigger language plpgsql as $$
  begin raise exception 'the disk is full'; end $$;
create constraint trigger refuses after insert on event_logs
  deferrable initially deferred for each row
  when (new.dagster_event_type = 'STEP_SUCCESS') execute function refuse();
"""


def test_a_commit_that_the_server_refuses_is_not_taken_for_a_lapsed_permit(
    instance, proxy, begin, recorder, run
):
    with instance.event_log_storage.run_connection(run.run_id) as connection:
        connection.exec_driver_sql(REFUSES_AT_COMMIT)
    step = begin()
    step.event(started(run))
    step.end(succeeded(run))
    assert "the disk is full" in answer_of(step)
    assert recorder.outcome()["scope"] == "instance"
    with instance.event_log_storage.run_connection(run.run_id) as connection:
        connection.exec_driver_sql("drop trigger refuses on event_logs; drop function refuse()")
    assert terminal_events(instance, run) == []


def test_a_database_that_comes_back_in_time_costs_no_step_anything(
    instance, proxy, begin, recorder, run
):
    step = begin()
    step.flush()
    proxy.is_closed = True
    proxy.cut()
    send_all(step, run)
    time.sleep(2)
    assert not step.peer.has_sent("failed")
    proxy.is_closed = False
    assert answer_of(step) == "ended"
    step.gone()
    assert events(instance, run, "greet")[-5:] == [*BEFORE_THE_END, "STEP_SUCCESS"]


def test_a_database_that_stays_away_fails_what_waits_and_serves_again_once_it_is_back(
    instance, proxy, begin, recorder, run
):
    step = begin()
    step.flush()
    proxy.is_closed = True
    proxy.cut()
    step.event(started(run))
    assert step.peer.expect("failed")["error"]["class"] == "NoConnection"
    outcome = recorder.outcome()
    assert (outcome["kind"], outcome["scope"]) == ("fault", "instance")
    proxy.is_closed = False
    step.gone()
    later = begin()
    later.event(started(run))
    later.flush()
    assert events(instance, run, "greet")[-1] == "STEP_START"


def test_a_flood_is_held_back_while_the_database_is_away(proxy, begin, recorder, run):
    step = begin()
    step.flush()
    proxy.is_closed = True
    proxy.cut()
    before = memory_of(recorder.pid)
    step.peer.channel._sock.setblocking(False)
    with pytest.raises(BlockingIOError):
        send_for_ever(step, message(run, "greet", "x" * 100_000))
    assert memory_of(recorder.pid) - before < 64 << 20
    proxy.is_closed = False


def send_for_ever(step: Step, event: Any) -> None:
    while True:
        step.event(event)


def memory_of(pid: int) -> int:
    status = Path(f"/proc/{pid}/status").read_text()
    return int(status.partition("VmRSS:")[2].split()[0]) << 10


def test_32_steps_take_at_most_three_connections(recorder, begin, run, postgres_url):
    steps = [begin() for _ in range(32)]
    for step in steps:
        step.event(message(run, "greet", "here"))
    for step in steps:
        step.flush()
    with psycopg2.connect(postgres_url) as admin, admin.cursor() as cursor:
        cursor.execute("select count(*) from pg_stat_activity where datname like '%proxied'")
        assert 1 <= cursor.fetchone()[0] <= 3
