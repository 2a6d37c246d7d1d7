"""Reports beside a ledger in Dagster's own PostgreSQL: the recorder ends attempt and claim."""

from __future__ import annotations

import signal
import time
from collections.abc import Callable, Iterator
from itertools import count
from typing import TYPE_CHECKING, Any

import pytest
from ledger_double import SCHEMA, Ledger
from orders import report_order, run_order, terminal_events
from recorder_double import RecorderDouble
from step_entries import started, succeeded

if TYPE_CHECKING:
    from dagster import DagsterInstance, DagsterRun
    from database_proxy import DatabaseProxy

numbers = count()
MOST_STATEMENTS = 40
SHORT_MS = 300


@pytest.fixture(scope="module")
def instance(open_postgres: Any, proxy: DatabaseProxy) -> Iterator[DagsterInstance]:
    with open_postgres("proxied") as instance:
        yield instance


class Claimed:
    """A step of a run of its own that is to be reported, under a claim of the real ledger."""

    def __init__(self, ledger: Ledger, run: DagsterRun, **fields: Any) -> None:
        self.run = run
        self.key = f"{run.run_id}:greet"
        self.hold: Any = ledger.claim(self.key)
        self.place = {"schema": SCHEMA, "fence": self.hold["fence"]}
        order = report_order(run, "greet", ledger=self.place, **fields)
        self.order = {"type": "report", "id": f"w{next(numbers)}", **order}

    def send(self, recorder: RecorderDouble) -> None:
        recorder.base.send("report", id=self.order["id"], order=self.order)


@pytest.fixture
def claim(ledger: Ledger, create_run: Any, instance: Any) -> Callable[..., Claimed]:
    return lambda **fields: Claimed(ledger, create_run("greet", instance=instance), **fields)


def answer(recorder: RecorderDouble) -> dict[str, Any]:
    return dict(recorder.base.expect("stands")["outcome"])


@pytest.mark.parametrize(("retry_in", "kind"), [(None, "STEP_FAILURE"), (3, "STEP_UP_FOR_RETRY")])
def test_the_row_is_settled_with_the_event_as_the_worker_would_settle_it(
    claim, recorder, ledger, instance, retry_in, kind
):
    claimed = claim(retry_in=retry_in)
    claimed.send(recorder)
    outcome = answer(recorder)
    assert (outcome["kind"], outcome["settled"]) == ("reported", True)
    assert terminal_events(instance, claimed.run) == [kind]
    row = ledger.row(claimed.key)
    assert (row["state"], row["outcome"]) == ("dead", outcome["result"])
    # The ledger compares the texts.
    assert ledger.ask("settle", claimed.hold, outcome["result"]) == "recorded"


def test_an_attempt_that_is_to_stay_open_is_left_for_the_worker_to_settle(
    claim, recorder, ledger, instance
):
    claimed = claim(park=True)
    claimed.send(recorder)
    outcome = answer(recorder)
    assert (outcome["kind"], "settled" in outcome) == ("parked", False)
    assert terminal_events(instance, claimed.run) == []
    assert ledger.row(claimed.key)["state"] == "running"


def test_a_report_of_an_attempt_that_was_never_sent_writes_nothing(
    claim, recorder, ledger, instance
):
    claimed = claim(attempt=1)
    claimed.send(recorder)
    assert answer(recorder)["kind"] == "not_open"
    assert terminal_events(instance, claimed.run) == []


def test_a_claim_that_another_worker_has_writes_neither_event_nor_row(
    claim, recorder, ledger, instance
):
    claimed = claim()
    ledger.ask("abandon", claimed.hold, {"giveStartBack": False})
    assert ledger.claim(claimed.key, owner="worker-2") == {"key": claimed.key, "fence": 2}
    before = ledger.row(claimed.key)
    claimed.send(recorder)
    outcome = answer(recorder)
    assert (outcome["kind"], outcome["error"]["class"]) == ("permit_refused", "ClaimStale")
    assert terminal_events(instance, claimed.run) == []
    assert ledger.row(claimed.key) == before


def test_a_report_whose_own_step_was_settled_finds_the_outcome_that_the_row_has(
    claim, recorder, ledger, instance
):
    claimed = claim()
    order = run_order(claimed.run, "greet", ledger=claimed.place)
    step = recorder.begin({"type": "run", "id": "step", **order})
    step.event(started(claimed.run))
    step.end(succeeded(claimed.run))
    recorder.grant()
    assert recorder.outcome()["settled"] is True
    claimed.send(recorder)
    outcome = answer(recorder)
    assert outcome["kind"] == "already_recorded"
    assert ledger.ask("settle", claimed.hold, outcome["result"]) == "recorded"
    assert terminal_events(instance, claimed.run) == ["STEP_SUCCESS"]


def test_a_recorder_that_stands_still_past_its_lease_at_any_statement_adds_nothing_to_another_claim(
    instance, proxy, ledger, claim
):
    taken_at: list[bytes] = []
    for number in range(1, MOST_STATEMENTS):
        recorder, claimed = RecorderDouble(instance), claim()
        won: list[Any] = []

        def stand_still(recorder=recorder, claimed=claimed, won=won) -> None:
            recorder.signal(signal.SIGSTOP)
            try:
                began = time.monotonic()
                ledger.ask("renew", [claimed.hold], SHORT_MS)
                while (other := ledger.claim(claimed.key, owner="worker-2")) == "held":
                    assert time.monotonic() - began < 20
                won.append(other)
            finally:
                recorder.signal(signal.SIGCONT)

        proxy.break_at(number, "hold", stand_still)
        try:
            claimed.send(recorder)
            outcome = answer(recorder)
        finally:
            recorder.close()
            statement = b"".join(proxy.statements[number - 1 : number])
            proxy.break_at(0, "")
        row, found = ledger.row(claimed.key), terminal_events(instance, claimed.run)
        if isinstance(won[0] if won else None, dict):
            taken_at.append(statement)
            assert (outcome["kind"], found) == ("permit_refused", []), statement
            assert (row["state"], row["fence"], row["owner"]) == ("running", 2, "worker-2")
        else:
            assert (outcome["kind"], found) == ("reported", ["STEP_FAILURE"]), statement
            assert row["state"] == "dead"
        if not won:
            break
    for word in (b"BEGIN", b"INSERT", b"COMMIT"):
        assert any(word in statement for statement in taken_at), word


@pytest.mark.parametrize("way", ["cut before", "cut after", "kill"])
def test_a_break_at_any_statement_leaves_row_and_log_in_agreement(
    instance, proxy, ledger, claim, way
):
    for number in range(1, MOST_STATEMENTS):
        recorder, claimed = RecorderDouble(instance), claim()

        def die(recorder=recorder) -> None:
            recorder.signal(signal.SIGKILL)

        proxy.break_at(number, *(("hold", die) if way == "kill" else (way,)))
        try:
            claimed.send(recorder)
            kind = answer(recorder)["kind"]
        except (EOFError, OSError):
            kind = "none"
        finally:
            recorder.close()
            reached = proxy.statements[number - 1 : number]
            proxy.break_at(0, "")
        row, found = ledger.row(claimed.key), terminal_events(instance, claimed.run)
        assert (row["state"] == "dead") == (found == ["STEP_FAILURE"]), (row, found, reached)
        # One cut is mended by another connection.
        assert (kind == "none") == (way == "kill" and bool(reached)), reached
        if kind != "none":
            assert found == ["STEP_FAILURE"], (kind, reached)
        if not reached:
            assert number > 5
            return
    pytest.fail(f"a report takes more than {MOST_STATEMENTS} statements")
