"""The recorder's loop: reads sockets, writes to the storage what is due, and answers.

The recorder reads and writes the storage between two looks at the sockets. A slow storage holds
the step processes back.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, NoReturn

from dagster_taskiq.dagster_internals.host import serialize_value
from dagster_taskiq.host.record.standing import outcome_if_not_open
from dagster_taskiq.host.record.start import claim_of
from dagster_taskiq.host.recorder.clients import Clients
from dagster_taskiq.host.recorder.events import RecordedEvent
from dagster_taskiq.host.recorder.outage import Outage
from dagster_taskiq.host.recorder.questions import Questions
from dagster_taskiq.host.recorder.reports import report
from dagster_taskiq.host.recorder.runs import RunRecords
from dagster_taskiq.host.recorder.sources import Sources
from dagster_taskiq.host.recorder.standings import Standings
from dagster_taskiq.host.recorder.step import RecordedStep
from dagster_taskiq.host.recorder.store import NoConnection
from dagster_taskiq.host.recorder.writer import write_parts
from dagster_taskiq.host.system.boot_time import boot_time
from dagster_taskiq.host.wire.errors import error_from, warn
from dagster_taskiq.host.wire.frames import Broken, Frame
from dagster_taskiq.host.wire.orders import ReportOrder, RunOrder, handed_on
from dagster_taskiq.host.wire.outcomes import fault

if TYPE_CHECKING:
    from dagster import DagsterInstance

    from dagster_taskiq.host.recorder.store import Store
    from dagster_taskiq.host.wire.channel import Channel

# When so many characters of events wait, of all steps together, they are written at once.
_MUCH = 1024 * 1024
# Connections that serve no step are closed after this time.
_IDLE_SECONDS = 10.0


class Recorder:
    """Serves the base, the supervisors that it links, and their step processes."""

    def __init__(self, base: Channel, instance: DagsterInstance, store: Store) -> None:
        self._base = base
        self._instance = instance
        self._store = store
        self._records = RunRecords(instance)
        self._questions = Questions(instance, self._records, store)
        self._standings = Standings(instance, self._records)
        self._sources = Sources()
        self._clients = Clients(self._sources, self._begin)
        self._stands: list[RunOrder] = []
        self._reports: list[ReportOrder] = []
        self._outage = Outage()
        self._used_at: float | None = None

    def serve(self) -> NoReturn:
        """Serve until the base is gone. Raises EOFError or OSError then."""
        self._base.expect_descriptors()
        self._sources.add(self._base, self._read_base)
        self._base.post(self._questions.next())
        while True:
            self._sources.wait(self._patience())
            self._say_which_may_run()
            self._report()
            self._ask_for_permits()
            self._write_what_is_due()
            self._clients.send()
            self._sources.arm(self._base, reads=True)
            self._close_what_is_idle()

    def _patience(self) -> float | None:
        now = boot_time()
        due = min((step.due_at(now) for step in self._clients), default=math.inf)
        due = max(due, self._outage.retry_at)
        if self._used_at is not None:
            due = min(due, self._used_at + _IDLE_SECONDS)
        return None if due == math.inf else max(0.0, due - now)

    # The base

    def _read_base(self) -> None:
        for frame in self._base.receive_now():
            if isinstance(frame, Broken):
                warn(f"not a frame: {frame.line}")
            elif frame["type"] == "link":
                self._clients.link(self._base.take_descriptor())
            elif frame["type"] in ("stand", "report"):
                self._take_order(frame)
            elif frame["type"] == "look":
                for answer in self._questions.answer(frame):
                    self._base.post(answer)
                self._base.post(self._questions.next())
                self._used_at = boot_time()

    def _take_order(self, frame: Frame) -> None:
        try:
            if frame["type"] == "stand":
                self._stands.append(handed_on(frame, RunOrder))
            else:
                self._reports.append(handed_on(frame, ReportOrder))
        except Exception as error:  # noqa: BLE001 - the answer reports every error
            outcome = fault("step", error_from(error))
            self._base.post({"type": "stands", "id": frame["id"], "outcome": outcome})

    def _say_which_may_run(self) -> None:
        if self._stands:
            orders, self._stands = self._stands, []
            for answer in self._store.read(lambda: self._standings.stand(orders)):
                self._base.post(answer)
            self._used_at = boot_time()

    def _report(self) -> None:
        reports, self._reports = self._reports, []
        for order in reports:
            outcome = report(order, self._instance, self._store)
            self._base.post({"type": "stands", "id": order.id, "outcome": outcome})
            self._used_at = boot_time()

    # Steps

    def _begin(self, order: RunOrder, until: float) -> RecordedStep:
        run_id = order.attempt.run_id
        job_name = self._store.read(lambda: self._records.job_name_of(run_id))
        claim = claim_of(job_name, order.attempt, order.delivery)
        self._used_at = boot_time()
        event = RecordedEvent(claim, serialize_value(claim))
        return RecordedStep(order.id, order.attempt, order.ledger, event, self._used_at, until)

    def _ask_for_permits(self) -> None:
        now = boot_time()
        for step in [each for each in self._clients if each.wants_look]:
            if now < self._outage.retry_at:
                return
            self._ask_for_permit(step, now)

    def _ask_for_permit(self, step: RecordedStep, now: float) -> None:
        attempt = step.attempt
        try:
            over = self._store.read(lambda: outcome_if_not_open(self._instance, attempt))
        except Exception as error:  # noqa: BLE001 - storages raise what they like
            if not (isinstance(error, NoConnection) and self._outage.goes_on(now)):
                step.fail(fault("instance", error_from(error)))
            return
        if over is None:
            step.ask(boot_time())
        else:
            step.refuse(over)

    def _write_what_is_due(self) -> None:
        now = boot_time()
        steps = [step for step in self._clients if step.has_work(now)]
        much = sum(step.waiting_bytes for step in steps) >= _MUCH
        is_due = much or any(step.due_at(now) <= now for step in steps)
        if not is_due or now < self._outage.retry_at:
            return
        parts = {part.step: part for part in (step.part() for step in steps)}
        verdicts = write_parts(self._store, list(parts.values()))
        away = any(isinstance(verdict, NoConnection) for verdict in verdicts.values())
        if not away:
            self._outage.end()
        keep = away and self._outage.goes_on(boot_time())
        for step, verdict in verdicts.items():
            if not (keep and isinstance(verdict, NoConnection)):
                self._clients[step].written(parts[step], verdict)
        self._used_at = boot_time()

    def _close_what_is_idle(self) -> None:
        if self._used_at is None or boot_time() < self._used_at + _IDLE_SECONDS:
            return
        live = self._clients.runs()
        self._store.let_go(live)
        self._standings.forget(live)
        self._used_at = None if not live else boot_time()
