"""One step that the recorder writes for: what it sent, what is asked, and what stands. Pure."""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Mapping
from itertools import islice
from typing import TYPE_CHECKING, Any

from dagster_taskiq.host.record.attempt_log import Summary
from dagster_taskiq.host.recorder.events import RecordedEvent, UnreadableEvent, read_event
from dagster_taskiq.host.recorder.settlement import settlement_of
from dagster_taskiq.host.recorder.store import Ended, InDoubt, Lapsed, Part, Stale, is_of_data
from dagster_taskiq.host.wire.errors import error_from, error_info
from dagster_taskiq.host.wire.outcomes import Outcome, fault, outcome
from dagster_taskiq.host.wire.terms import prolonged

if TYPE_CHECKING:
    from dagster_taskiq.host.recorder.writer import Verdict
    from dagster_taskiq.host.wire.frames import Frame
    from dagster_taskiq.host.wire.orders import ClaimBesideDagster, StepId

WRITTEN_WITHIN = 0.05
"""Seconds within which a plain event is written."""
WRITE_BOUND = 5.0
"""Seconds that COMMIT may take at the server, as `WRITE_BOUND_MS` in cli/wiring/ledger.ts says."""
# So much may wait to be written. The recorder does not read the socket of a step that has more.
_MOST_WAITING = 4 * 1024 * 1024
_ROWS_TOGETHER = 2000


class RecordedStep:
    """Decides what to write and what to answer. `answers` and `reports` are for the caller to send.

    Times are boot time. `until` is when the lease of the attempt ends, unless it is renewed.
    `ledger` holds the claim that is settled with its terminal event. `began` is its first event.
    """

    def __init__(
        self,
        order_id: str,
        attempt: StepId,
        ledger: ClaimBesideDagster | None,
        began: RecordedEvent,
        now: float,
        until: float,
    ) -> None:
        self.id = order_id
        self.attempt = attempt
        self._ledger = ledger
        self._until = until
        self.answers: list[Frame] = []
        """Frames for the step process."""
        self.reports: list[Frame] = []
        """Frames for its supervisor."""
        self._waiting: deque[RecordedEvent] = deque()
        self.waiting_bytes = 0
        """The length of the events that wait to be written."""
        self._due_at = math.inf
        self._events_read = 0
        self._summary = Summary()
        self._terminal: RecordedEvent | None = None
        self._asked_at: float | None = None
        self._deadline: float | None = None
        self._flushing = False
        self._ended = False
        self._closed = False
        self._gone = False
        self._keep(began, now)

    # What it may be asked

    @property
    def wants_look(self) -> bool:
        """Whether the log must be read before a permit for its terminal event is asked for."""
        return self._terminal is not None and self._asked_at is None and not self._closed

    @property
    def is_full(self) -> bool:
        """Whether so much waits to be written that its socket must not be read."""
        return self.waiting_bytes > _MOST_WAITING

    def is_done(self, now: float) -> bool:
        """Whether its process is gone and nothing more of it may be written."""
        return self._gone and self._terminal is None and not self.has_work(now)

    def has_work(self, now: float) -> bool:
        """Whether something waits that may be written now."""
        return self._deadline is not None or (bool(self._waiting) and now < self._plain_deadline)

    def due_at(self, now: float) -> float:
        """When its events must be written."""
        if self.wants_look:
            return -math.inf
        if not self.has_work(now):
            return math.inf
        at_once = self._deadline is not None or self._flushing or self._gone or self.is_full
        return -math.inf if at_once else self._due_at

    def part(self) -> Part:
        """Return what can be written now: its events in order, the terminal one last."""
        events = list(islice(self._waiting, _ROWS_TOGETHER))
        if self._deadline is None or self._terminal is None or len(events) < len(self._waiting):
            deadline = self._deadline
            if deadline is None or self._settles:
                deadline = self._plain_deadline
            return Part(self.id, self.attempt, events, deadline)
        events.append(self._terminal)
        summary = self._summary.with_all(event.entry for event in events)
        settlement = settlement_of(self._ledger, self.attempt, summary.result(self._terminal.entry))
        return Part(self.id, self.attempt, events, self._deadline, settlement)

    # What happens to it

    def take_in(self, frame: Frame, now: float) -> None:
        """Take in a frame of its process."""
        if self._closed:
            return
        try:
            if frame["type"] == "event":
                self._events_read += 1
                self._keep(self._read(frame, terminal=False), now)
            elif frame["type"] == "end":
                self._require_all(frame)
                self._end(self._read(frame, terminal=True))
            elif frame["type"] == "flush":
                self._require_all(frame)
                self._flushing = True
                self._answer_flush()
        except UnreadableEvent as error:
            self.fail(fault("step", error_from(error)))

    def prolong(self, until: float) -> None:
        """Note that the lease of its attempt was renewed."""
        self._until = prolonged(self._until, until)

    def ask(self, now: float) -> None:
        """Ask for the permit. The deadline counts from now."""
        kind = None if self._terminal is None else self._terminal.kind
        self._asked_at = now
        name = None if kind is None else kind.value
        self.reports.append({"type": "ask", "id": self.id, "event": name})

    def permit(self, within_ms: float | None) -> None:
        """Take in the answer. `None` means that the permit is refused.

        A claim that is settled with the terminal event needs no deadline.
        """
        if self._closed or self._terminal is None or self._asked_at is None:
            return
        if within_ms is None:
            self._give_up("PermitRefused", "the worker refused the permit")
        elif self._deadline is None:
            until = math.inf if self._settles else self._asked_at + within_ms / 1000
            self._deadline = until

    def gone(self) -> None:
        """Note that its process has ended. No permit is waited for any more."""
        self._gone = True
        if self._deadline is None:
            self._terminal = None

    def written(self, part: Part, verdict: Verdict) -> None:
        """Take in what became of a part. The caller keeps back a part that it will write again."""
        if verdict is None:
            self._take_off(part)
        elif isinstance(verdict, Ended):
            self.refuse(verdict.outcome)
        elif isinstance(verdict, Stale):
            self._give_up("ClaimStale", str(verdict))
        elif isinstance(verdict, Lapsed):
            # Without a permit it waits for the renewal of the lease, or for the end of its process.
            if self._deadline is not None:
                self._give_up("PermitLapsed", "the permit lapsed before the event was written")
        elif part.ends and isinstance(verdict, InDoubt):
            self._drop_waiting()
            self._give_up("WriteInDoubt", str(verdict))
        else:
            self.fail(fault("step" if is_of_data(verdict) else "instance", error_from(verdict)))

    def refuse(self, end: Outcome) -> None:
        """End it with this outcome. What came before its terminal event is written."""
        self._close(end, {"type": "refused"})

    def fail(self, end: Outcome) -> None:
        """End it with this outcome, and write nothing more of it."""
        self._drop_waiting()
        self._close(end, {"type": "failed", "error": end["error"]})

    # Inside

    @property
    def _settles(self) -> bool:
        return self._ledger is not None

    @property
    def _plain_deadline(self) -> float:
        """When COMMIT of events without a terminal one must be sent.

        Once the lease has ended, another worker may end the attempt, and nothing of the attempt
        may be written behind its end. What a hook logs after its own end may.
        """
        return math.inf if self._ended else self._until - WRITE_BOUND

    def _read(self, frame: Frame, *, terminal: bool) -> RecordedEvent:
        step = self.attempt
        event = read_event(frame.get("event"), step.run_id, step.step_key)
        if event.is_terminal is not terminal:
            raise UnreadableEvent(f"a frame of type {frame['type']} must not carry {event.kind}")
        return event

    def _require_all(self, frame: Mapping[str, Any]) -> None:
        sent = frame.get("sent", self._events_read)
        if sent != self._events_read:
            raise UnreadableEvent(
                f"its process sent {sent} events, and {self._events_read} arrived:"
                " something else has written to its socket"
            )

    def _end(self, event: RecordedEvent) -> None:
        if self._terminal is not None or self._ended:
            self._give_up("SecondTerminalEvent", "a second terminal event was tried")
        else:
            self._terminal = event

    def _keep(self, event: RecordedEvent, now: float) -> None:
        if not self._waiting:
            self._due_at = now + WRITTEN_WITHIN
        self._waiting.append(event)
        self.waiting_bytes += len(event.text)

    def _take_off(self, part: Part) -> None:
        for event in part.events:
            self._summary.add(event.entry)
            if event.is_terminal:
                self._stand(event)
            else:
                self.waiting_bytes -= len(self._waiting.popleft().text)
        if not self._waiting:
            self._due_at = math.inf
        self._answer_flush()

    def _stand(self, event: RecordedEvent) -> None:
        self._terminal, self._deadline, self._ended = None, None, True
        result = self._summary.result(event.entry)
        end = outcome(result["state"], result, result["error"])
        self._report({**end, "settled": True} if self._settles else end)
        self.answers.append({"type": "ended"})

    def _answer_flush(self) -> None:
        if self._flushing and not self._waiting:
            self._flushing = False
            self.answers.append({"type": "flushed"})

    def _give_up(self, name: str, message: str) -> None:
        self.refuse(outcome("permit_refused", error=error_info(name, message)))

    def _close(self, end: Outcome, answer: Frame) -> None:
        if self._closed:
            return
        if not self._ended:  # or its outcome stands
            self._report(end)
        self._closed, self._terminal, self._deadline = True, None, None
        self.answers.append(answer)

    def _report(self, end: Outcome) -> None:
        self.reports.append({"type": "outcome", "id": self.id, "outcome": end})

    def _drop_waiting(self) -> None:
        self._waiting.clear()
        self.waiting_bytes, self._due_at, self._flushing = 0, math.inf, False
