"""A ledger in Dagster's own PostgreSQL: a claim is settled with its terminal event, or not."""

from __future__ import annotations

import signal
import time
from collections.abc import Callable, Iterator
from functools import partial
from itertools import count
from typing import TYPE_CHECKING, Any

import pytest
from dagster._core.events import EngineEventData
from dagster._core.execution.plan.objects import StepFailureData, StepRetryData, StepSuccessData
from dagster._utils.error import SerializableErrorInfo
from ledger_double import LEASE_MS, SCHEMA, Ledger
from orders import events, run_order, terminal_events
from recorder_double import RecorderDouble, Step
from step_entries import entry, materialized, started, succeeded

if TYPE_CHECKING:
    from dagster import DagsterInstance
    from database_proxy import DatabaseProxy

numbers = count()
WHOLE = ["STEP_START", "ASSET_MATERIALIZATION", "STEP_SUCCESS"]
# From connecting to the notification there are fewer.
MOST_STATEMENTS = 40
SHORT_MS = 300


@pytest.fixture(scope="module")
def instance(open_postgres: Any, proxy: DatabaseProxy) -> Iterator[DagsterInstance]:
    with open_postgres("proxied") as instance:
        yield instance


class Claimed:
    """A step of a run of its own, under a claim of the real ledger."""

    def __init__(
        self, recorder: RecorderDouble, ledger: Ledger, run: Any, lease_ms: int = LEASE_MS
    ) -> None:
        self.run = run
        self.key = f"{run.run_id}:greet"
        self.hold: Any = ledger.claim(self.key, lease_ms)
        place = {"schema": SCHEMA, "fence": self.hold["fence"]}
        order = {"type": "run", "id": f"w{next(numbers)}", **run_order(run, "greet", ledger=place)}
        self.step: Step = recorder.begin(order)

    def send_all(self, terminal: Any = None) -> None:
        self.step.event(started(self.run))
        self.step.event(materialized(self.run))
        self.step.end(terminal or succeeded(self.run))


@pytest.fixture
def claim(recorder: RecorderDouble, ledger: Ledger, create_run: Any, instance: Any) -> Any:
    return lambda: Claimed(recorder, ledger, create_run("greet", instance=instance))


def answer_of(step: Step) -> str:
    """Let it write, as the supervisor does, which asks no worker.

    Return the answer that the step's process gets, or `none` from a dead recorder.
    """
    link, until = step.recorder.link, time.monotonic() + 60
    try:
        while time.monotonic() < until:
            for answer in ("ended", "refused", "failed"):
                if step.peer.has_sent(answer):
                    return answer
            if link.has_sent("ask"):
                step.recorder.grant(0)
            time.sleep(0.01)
    except (EOFError, OSError):
        return "none"
    raise TimeoutError("no answer")


ERROR = SerializableErrorInfo('ValueError: no \0, \t and " of 💧 in Málaga\n', [], "ValueError")
ENDS = {
    "STEP_SUCCESS": ("completed", StepSuccessData(duration_ms=1.0)),
    "STEP_FAILURE": ("failed", StepFailureData(error=ERROR, user_failure_data=None)),
    "STEP_UP_FOR_RETRY": ("failed", StepRetryData(error=ERROR, seconds_to_wait=1)),
    "RESOURCE_INIT_FAILURE": ("failed", EngineEventData(error=ERROR)),
}


@pytest.mark.parametrize("kind", ENDS)
def test_the_row_is_settled_with_the_terminal_event_as_the_worker_would_settle_it(
    claim, recorder, ledger, instance, kind
):
    claimed, (state, data) = claim(), ENDS[kind]
    claimed.send_all(entry(claimed.run, "greet", kind, data))
    assert answer_of(claimed.step) == "ended"
    outcome = recorder.outcome()
    assert outcome["settled"] is True
    assert terminal_events(instance, claimed.run) == [kind]
    row = ledger.row(claimed.key)
    assert (row["state"], row["outcome"]) == (state, outcome["result"])
    assert row["leaseExpiresAtMs"] is None
    assert row["settledAtMs"] is not None
    # The ledger compares the texts.
    assert ledger.ask("settle", claimed.hold, outcome["result"]) == "recorded"
    assert ledger.claim(claimed.key) == "settled"


def abandon(ledger: Ledger, claimed: Claimed) -> None:
    ledger.ask("abandon", claimed.hold, {"giveStartBack": False})


def be_taken_over(ledger: Ledger, claimed: Claimed) -> None:
    abandon(ledger, claimed)
    assert ledger.claim(claimed.key, owner="worker-2") == {"key": claimed.key, "fence": 2}


def be_permitted(ledger: Ledger, claimed: Claimed) -> None:
    assert ledger.ask("permit", claimed.hold, LEASE_MS) == "granted"


def be_settled(ledger: Ledger, claimed: Claimed) -> None:
    times = {"started_at": 1, "completed_at": 2, "execution_time_seconds": 1}
    ledger.ask("settle", claimed.hold, {"state": "run_over", "output": None, "error": None} | times)


@pytest.mark.parametrize("happen", [abandon, be_taken_over, be_permitted, be_settled])
def test_a_claim_that_is_over_writes_neither_event_nor_row(
    claim, recorder, ledger, instance, happen: Callable[[Ledger, Claimed], None]
):
    claimed = claim()
    claimed.step.flush()
    happen(ledger, claimed)
    before = ledger.row(claimed.key)
    claimed.send_all()
    assert answer_of(claimed.step) == "refused"
    outcome = recorder.outcome()
    assert (outcome["kind"], outcome["error"]["class"]) == ("permit_refused", "ClaimStale")
    claimed.step.gone()
    assert terminal_events(instance, claimed.run) == []
    assert ledger.row(claimed.key) == before


def test_one_stale_claim_costs_the_steps_of_the_same_transaction_nothing(
    claim, recorder, ledger, instance
):
    several = [claim() for _ in range(4)]
    be_taken_over(ledger, several[1])
    recorder.signal(signal.SIGSTOP)
    for claimed in several:
        claimed.send_all()
    recorder.signal(signal.SIGCONT)
    asked = [recorder.link.expect("ask")["id"] for _ in several]
    for identifier in asked:
        recorder.link.send("permit", id=identifier, granted=True, within_ms=0)
    answers = [answer_of(claimed.step) for claimed in several]
    assert answers == ["ended", "refused", "ended", "ended"]
    states = [ledger.row(claimed.key)["state"] for claimed in several]
    assert states == ["completed", "running", "completed", "completed"]
    found = [terminal_events(instance, claimed.run) for claimed in several]
    assert found == [["STEP_SUCCESS"], [], ["STEP_SUCCESS"], ["STEP_SUCCESS"]]


def agree(instance: DagsterInstance, ledger: Ledger, claimed: Claimed) -> bool:
    """Return whether the attempt is over; its row and its log must both say so, or neither."""
    found = [kind for kind in events(instance, claimed.run, "greet") if kind != "ENGINE_EVENT"]
    assert found == WHOLE[: len(found)], found
    row = ledger.row(claimed.key)
    assert (row["state"] == "completed") == (found == WHOLE), (row, found)
    return found == WHOLE


class Breaks:
    """Steps of new recorders, each of which meets a break at the next statement."""

    def __init__(
        self, instance: DagsterInstance, proxy: DatabaseProxy, ledger: Ledger, create_run: Any
    ) -> None:
        self._instance = instance
        self._proxy = proxy
        self._ledger = ledger
        self._create_run = create_run

    def each(
        self, way: str, suffer: Callable[[Claimed], None] = lambda _: None
    ) -> Iterator[tuple[Claimed, str, bytes]]:
        """Yield the step, what its process is answered, and the statement."""
        for number in range(1, MOST_STATEMENTS):
            recorder = RecorderDouble(self._instance)
            try:
                run = self._create_run("greet", instance=self._instance)
                claimed = Claimed(recorder, self._ledger, run)
                claimed.step.flush()
                self._proxy.break_at(number, way, partial(suffer, claimed))
                claimed.send_all()
                answer = answer_of(claimed.step)
                if answer != "none":
                    claimed.step.gone()
            finally:
                recorder.close()
            reached = self._proxy.statements[number - 1 : number]
            self._proxy.break_at(0, "")
            yield claimed, answer, b"".join(reached)
            if not reached:
                assert number > 5
                return
        pytest.fail(f"a step takes more than {MOST_STATEMENTS} statements")


@pytest.fixture
def breaks(instance: Any, proxy: Any, ledger: Any, create_run: Any) -> Breaks:
    return Breaks(instance, proxy, ledger, create_run)


def test_a_recorder_that_stands_still_past_its_lease_at_any_statement_adds_nothing_to_another_claim(
    breaks, instance, ledger
):
    won: dict[str, Any] = {}

    def stand_still(claimed: Claimed) -> None:
        claimed.step.recorder.signal(signal.SIGSTOP)
        try:
            began = time.monotonic()
            assert ledger.ask("renew", [claimed.hold], SHORT_MS) == [True]
            while (other := ledger.claim(claimed.key, owner="worker-2")) == "held":
                assert time.monotonic() - began < 20
            won[claimed.key] = other
            # The recorder keeps no row of the ledger locked.
            assert time.monotonic() - began < SHORT_MS / 1000 + 3
        finally:
            claimed.step.recorder.signal(signal.SIGCONT)

    taken_at: list[bytes] = []
    for claimed, answer, statement in breaks.each("hold", stand_still):
        assert agree(instance, ledger, claimed) == (answer == "ended"), statement
        if isinstance(won.get(claimed.key), dict):
            taken_at.append(statement)
            assert (answer, terminal_events(instance, claimed.run)) == ("refused", [])
            row = ledger.row(claimed.key)
            assert (row["state"], row["fence"], row["owner"]) == ("running", 2, "worker-2")
        else:
            assert won.get(claimed.key, "settled") == "settled", statement
            assert answer == "ended"
    for word in (b"BEGIN", b"INSERT", b"COMMIT"):
        assert any(word in statement for statement in taken_at), word


@pytest.mark.parametrize("way", ["cut before", "cut after"])
def test_a_connection_cut_at_any_statement_leaves_row_and_log_in_agreement(
    breaks, instance, ledger, way
):
    for claimed, answer, statement in breaks.each(way):
        # One cut is mended by another connection, whatever was on its way.
        assert answer == "ended", statement
        assert agree(instance, ledger, claimed), statement


def test_a_recorder_killed_at_any_statement_leaves_row_and_log_in_agreement(
    breaks, instance, ledger
):
    def die(claimed: Claimed) -> None:
        claimed.step.recorder.signal(signal.SIGKILL)

    for claimed, answer, statement in breaks.each("hold", die):
        assert agree(instance, ledger, claimed) or answer == "none", statement
