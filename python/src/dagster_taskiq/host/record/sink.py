"""Sends the events of a step to the recorder, which writes them. A gate writes by itself.

The process sends each event, and waits for the answer to its terminal event only. The recorder
decides what it writes, and user code cannot go around it.
"""

from __future__ import annotations

import contextlib
import os
import threading
from collections.abc import Sequence
from typing import TYPE_CHECKING, NoReturn

from dagster import DagsterEventType
from sqlalchemy import event as sqlalchemy_event
from sqlalchemy.engine import Engine

from dagster_taskiq.dagster_internals.host import serialize_value
from dagster_taskiq.dagster_internals.patches import take_events_by
from dagster_taskiq.host.child.exit import leave_now
from dagster_taskiq.host.child.interrupts import interrupts_deferred
from dagster_taskiq.host.record.attempt_log import TERMINAL
from dagster_taskiq.host.record.subjects import step_keys_of
from dagster_taskiq.host.wire.errors import warn
from dagster_taskiq.host.wire.frames import LONGEST_LINE_OF_STEP, Broken, encode

if TYPE_CHECKING:
    from dagster import DagsterInstance, EventLogEntry

    from dagster_taskiq.host.wire.channel import Channel
    from dagster_taskiq.host.wire.frames import Frame
    from dagster_taskiq.host.wire.orders import StepId

_LEAVE = ("refused", "failed")


class Sink:
    """Takes all events that the instance stores. Safe with threads, signals, and forks of the step.

    It lives as long as its process, which may run further steps, one after the other (`begin`).
    `host` is the channel for signs of life; `None` means that nothing limits the step's silence.
    """

    def __init__(
        self, instance: DagsterInstance, step: StepId, recorder: Channel, host: Channel | None
    ) -> None:
        self._pid = os.getpid()
        # Not a plain lock: a finalizer may log while this thread holds it.
        self._lock = threading.RLock()
        self._over: set[tuple[str, str | None]] = set()
        self._begin(step, recorder, host)
        self._store = take_events_by(instance.event_log_storage, self.take)
        # The class, since SQLite storages make engines as they go.
        sqlalchemy_event.listen(Engine, "engine_connect", self._await_writes)

    def _begin(self, step: StepId, recorder: Channel, host: Channel | None) -> None:
        self._step = step
        self._recorder = recorder
        self._host = host
        self._is_open = True
        self._sent = 0
        self._known_to_stand = 0
        self._asked = 0
        self._answered = 0
        self.ended = False
        """Whether the terminal event stands in the log."""

    def begin(self, step: StepId, recorder: Channel, host: Channel | None) -> None:
        """Take the events of the next step. Those of the steps before it are refused."""
        self._over.discard((step.run_id, step.step_key))
        self._begin(step, recorder, host)

    def close(self) -> None:
        """Refuse what else comes of the step, because its end is reported now."""
        with interrupts_deferred(), self._lock:
            self._over.add((self._step.run_id, self._step.step_key))
            self._is_open, self._host = False, None
            self._recorder.close()

    def take(self, event: EventLogEntry) -> None:
        """Send an event of this step; store any other. Does not return when nothing may follow."""
        is_terminal = event.dagster_event_type in TERMINAL
        if self._is_late(event):
            warn(f"an event of step {event.step_key} came after its end, and is left out")
        elif os.getpid() != self._pid:
            if is_terminal and self._is_about_step(event):
                warn(
                    f"a forked copy of step {self._step.step_key} ran on to its end; it is stopped"
                )
                leave_now()
            self._store(event)
        elif event.dagster_event_type is DagsterEventType.STEP_SKIPPED:
            # Only the run worker skips. Here it means that known_state lacks what the step reads.
            raise RuntimeError(
                f"step {self._step.step_key} would be skipped: its inputs are not known"
            )
        elif is_terminal and self._is_about_step(event):
            self._ask({"type": "end", "event": serialize_value(event)})
            self.ended = True
        elif self._is_only_about_step(event):
            self._send(event)
        else:
            with interrupts_deferred(), self._lock:
                self._give_sign_of_life()
            self._store(event)

    def _is_late(self, event: EventLogEntry) -> bool:
        if not self._over:
            return False
        return any((event.run_id, key) in self._over for key in step_keys_of(event))

    def _is_about_step(self, event: EventLogEntry) -> bool:
        return event.run_id == self._step.run_id and self._step.step_key in step_keys_of(event)

    def _is_only_about_step(self, event: EventLogEntry) -> bool:
        return event.run_id == self._step.run_id and step_keys_of(event) == {self._step.step_key}

    def _send(self, event: EventLogEntry) -> None:
        line = encode({"type": "event", "event": serialize_value(event)})
        if len(line) > LONGEST_LINE_OF_STEP:
            raise ValueError(
                f"an event of {len(line)} bytes: expected at most {LONGEST_LINE_OF_STEP}"
            )
        # An interrupt raised in here could cut the line in two.
        with interrupts_deferred(), self._lock:
            self._give_sign_of_life()
            try:
                self._recorder.send_line(line)
            except OSError as error:
                self._leave(f"the connection to the recorder is closed: {error!r}")
            self._sent += 1
            self._heed_a_failure()

    def _give_sign_of_life(self) -> None:
        if self._host is not None:
            with contextlib.suppress(OSError):
                self._host.send({"type": "event"})

    def _await_writes(self, *_: object) -> None:
        """Before the process uses a connection of its own: what it has sent shall be seen there."""
        waits = self._is_open and self._known_to_stand < self._sent
        if waits and os.getpid() == self._pid:
            self._ask({"type": "flush"})

    def _ask(self, question: Frame) -> None:
        with interrupts_deferred(), self._lock:
            self._give_sign_of_life()
            self._asked += 1
            number, sent = self._asked, self._sent
            try:
                self._recorder.send({**question, "sent": sent})
                while self._answered < number:
                    self._take_in(self._recorder.receive())
            except (OSError, EOFError) as error:
                self._leave(f"the connection to the recorder is closed: {error!r}")
            self._known_to_stand = max(self._known_to_stand, sent)

    def _heed_a_failure(self) -> None:
        """Leave if the storage has failed, which the recorder reports unasked."""
        try:
            self._take_in(self._recorder.receive_now())
        except (OSError, EOFError) as error:
            self._leave(f"the connection to the recorder is closed: {error!r}")

    def _take_in(self, answers: Sequence[Frame | Broken]) -> None:
        for answer in answers:
            self._answered += 1
            if isinstance(answer, Broken) or answer["type"] in _LEAVE:
                self._leave("the recorder refuses what follows")

    def _leave(self, why: str) -> NoReturn:
        """End at once: an exception Dagster would record."""
        warn(f"step {self._step.step_key}: nothing more is recorded: {why}")
        leave_now()
