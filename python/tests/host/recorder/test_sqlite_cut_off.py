"""A recorder that is killed or stands still at any statement that it sends to SQLite."""

from __future__ import annotations

import mmap
import os
import resource
import signal
import sqlite3
import time
from collections.abc import Iterator
from contextlib import closing, suppress
from typing import TYPE_CHECKING, Any

import pytest
from dagster import AssetKey
from orders import events, run_order, terminal_events
from recorder_double import RecorderDouble, Step
from sqlalchemy import event as sqlalchemy_event
from sqlalchemy.engine import Engine
from step_entries import materialized, message, output, started, succeeded

if TYPE_CHECKING:
    from dagster import DagsterInstance

WHOLE = ["STEP_START", "STEP_OUTPUT", "ASSET_MATERIALIZATION", "STEP_OUTPUT", "STEP_SUCCESS"]
# From connecting to the last COMMIT there are fewer.
MOST_STATEMENTS = 80
PERMIT_MS = 1000


@pytest.fixture(scope="module")
def instance(open_sqlite: Any) -> Iterator[DagsterInstance]:
    with open_sqlite("cut_off") as instance:
        yield instance


class Breakage:
    """Has a recorder send itself a signal right before a statement, counted from `arm` on."""

    def __init__(self, number: int, signal_number: int) -> None:
        self._left = number
        self._signal = signal_number
        self._armed = mmap.mmap(-1, 1)  # shared with the recorder

    def arm(self) -> None:
        self._armed[0] = 1

    def prepare(self) -> None:
        """In the recorder."""
        sqlalchemy_event.listen(Engine, "before_cursor_execute", self._strike)

    def _strike(self, *_: object) -> None:
        self._left -= self._armed[0]
        if self._left == 0 and self._armed[0]:
            os.kill(os.getpid(), self._signal)


@pytest.fixture
def new_run(create_run: Any, instance: DagsterInstance) -> Any:
    def create() -> Any:
        run = create_run("greet", instance=instance)
        instance.report_engine_event("launched", run)  # its database exists from here on
        return run

    return create


def order_of(run: Any, identifier: str) -> dict[str, Any]:
    return {"type": "run", "id": identifier, **run_order(run, "greet")}


def send_all(step: Step, run: Any) -> None:
    step.event(started(run))
    step.event(output(run))
    step.event(materialized(run))
    step.event(output(run))
    step.end(succeeded(run))


def answer_of(step: Step) -> str:
    """Grant a permit when it is asked for; return what the step process hears in the end."""
    while True:
        for answer in ("ended", "refused", "failed"):
            if step.peer.has_sent(answer):
                return answer
        if step.recorder.link.has_sent("ask"):
            step.recorder.grant()
        time.sleep(0.01)


def found(instance: DagsterInstance, run: Any) -> list[str]:
    return [kind for kind in events(instance, run, "greet") if kind != "ENGINE_EVENT"]


def texts_stored_twice(instance: DagsterInstance, run: Any) -> list[str]:
    """Of events in the database of the run, and in the index of assets."""
    log: Any = instance.event_log_storage
    query = "select event from event_logs where run_id = ? group by event having count(*) > 1"
    twice = []
    for shard in (run.run_id, "index"):
        with closing(sqlite3.connect(log.path_for_shard(shard))) as database:
            twice += [row[0] for row in database.execute(query, (run.run_id,))]
    return twice


def run_of_last_materialization(instance: DagsterInstance) -> str:
    event = instance.get_latest_materialization_event(AssetKey(["rain", "greet"]))
    return "" if event is None else event.run_id


def test_a_recorder_killed_at_any_statement_to_sqlite_loses_and_doubles_nothing(instance, new_run):
    for number in range(1, MOST_STATEMENTS):
        run = new_run()
        breakage = Breakage(number, signal.SIGKILL)
        breakage.arm()
        recorder = RecorderDouble(instance, breakage.prepare)
        answer = "none"
        with suppress(EOFError, OSError):
            step = recorder.begin(order_of(run, "first"))
            send_all(step, run)
            answer = answer_of(step)
        recorder.close()
        stands = found(instance, run)
        assert stands == WHOLE[: len(stands)], number
        if answer == "ended":
            assert stands == WHOLE
            break
        if stands == WHOLE:
            assert run_of_last_materialization(instance) == run.run_id, number
        else:
            run_again(instance, run)
        assert terminal_events(instance, run) == ["STEP_SUCCESS"], number
        assert texts_stored_twice(instance, run) == [], number
    else:
        pytest.fail(f"a step takes more than {MOST_STATEMENTS} statements")
    assert number > 8


def run_again(instance: DagsterInstance, run: Any) -> None:
    recorder = RecorderDouble(instance)
    assert recorder.stand(order_of(run, "again"))["outcome"] is None
    step = recorder.begin(order_of(run, "again"))
    send_all(step, run)
    assert answer_of(step) == "ended"
    recorder.close()


class Rivals:
    """Two recorders with a step of the same attempt each; the first stands still at a statement."""

    def __init__(self, instance: DagsterInstance, run: Any, number: int) -> None:
        self.instance = instance
        self.run = run
        self.breakage = Breakage(number, signal.SIGSTOP)
        self.frozen = RecorderDouble(instance, self.breakage.prepare)
        self.other = RecorderDouble(instance)
        self.second = self.other.begin(order_of(run, "second"))
        self.second.flush()
        self.first = self.frozen.begin(order_of(run, "first"))

    def end_second_while_first_is_frozen(self, seconds: float) -> None:
        time.sleep(seconds)
        self.second.end(succeeded(self.run))
        self.other.grant()
        # One that stands still in its transaction keeps the other waiting.
        if not is_locked(self.instance, self.run):
            assert answer_of(self.second) == "ended"
        self.frozen.signal(signal.SIGCONT)

    def close(self) -> None:
        self.other.close()
        self.frozen.close()


def test_a_recorder_frozen_past_its_deadline_and_another_write_one_terminal_event(
    instance, new_run
):
    for number in range(1, MOST_STATEMENTS):
        run = new_run()
        rivals = Rivals(instance, run, number)
        first, second, frozen = rivals.first, rivals.second, rivals.frozen
        send_all(first, run)
        asked = frozen.link.expect("ask")
        rivals.breakage.arm()
        frozen.link.send("permit", id=asked["id"], granted=True, within_ms=PERMIT_MS)
        is_frozen = wait_until_frozen_or_answered(first)
        if is_frozen:
            rivals.end_second_while_first_is_frozen(PERMIT_MS / 1000)
            answers = {answer_of(first), answer_of(second)}
            assert answers == {"ended", "refused"}, number
            first.gone()
            second.gone()
            assert terminal_events(instance, run) == ["STEP_SUCCESS"], number
            assert texts_stored_twice(instance, run) == [], number
        rivals.close()
        if not is_frozen:
            break
    else:
        pytest.fail(f"a terminal event takes more than {MOST_STATEMENTS} statements")
    assert number > 4


def test_a_recorder_frozen_past_its_lease_writes_nothing_behind_the_end_of_the_attempt(
    instance, new_run
):
    for number in range(1, MOST_STATEMENTS):
        run = new_run()
        rivals = Rivals(instance, run, number)
        first = rivals.first
        first.flush()
        rivals.breakage.arm()
        rivals.frozen.let_lapse(first, within=1)
        first.event(started(run))
        first.event(materialized(run))
        first.peer.send("flush")
        is_frozen = wait_until_frozen_or_answered(first)
        if is_frozen:
            rivals.end_second_while_first_is_frozen(1.2)
            assert answer_of(rivals.second) == "ended", number
            first.gone()
            assert found(instance, run)[-1] == "STEP_SUCCESS", number
        rivals.close()
        if not is_frozen:
            break
    else:
        pytest.fail(f"plain events take more than {MOST_STATEMENTS} statements")
    assert number > 4


def wait_until_frozen_or_answered(step: Step) -> bool:
    pid = step.recorder.pid
    while True:
        if os.waitid(os.P_PID, pid, os.WSTOPPED | os.WNOHANG | os.WNOWAIT) is not None:
            return True
        if any(step.peer.has_sent(answer) for answer in ("ended", "refused", "flushed")):
            return False
        time.sleep(0.01)


def is_locked(instance: DagsterInstance, run: Any) -> bool:
    log: Any = instance.event_log_storage
    with closing(sqlite3.connect(log.path_for_shard(run.run_id), timeout=0)) as database:
        try:
            database.execute("begin immediate")
        except sqlite3.OperationalError:
            return True
    return False


def test_an_index_row_is_written_once_though_the_commit_of_its_run_fails(instance, new_run):
    run = new_run()
    # SQLite writes to the file at COMMIT: of the index first, then of the run, which is too long.
    recorder = RecorderDouble(instance, lambda: limit_files_to(500_000))
    too_long, other = (recorder.begin(order_of(run, name)) for name in ("too long", "other"))
    too_long.event(message(run, "greet", "x" * 1_000_000))
    other.event(materialized(run))
    other.flush()
    assert too_long.peer.expect("failed")["error"]["class"] == "OperationalError"
    recorder.close()
    assert found(instance, run) == ["ASSET_MATERIALIZATION"]
    assert texts_stored_twice(instance, run) == []


def limit_files_to(size: int) -> None:
    signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, size))
