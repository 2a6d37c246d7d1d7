"""The gate before terminal events: a step process writes one, under a permit, or none.

Two terminal events for one attempt make Dagster fail the whole run, and only the holder of the
ledger's fence may write. The gate cannot refuse by raising, because Dagster would record that.
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, NoReturn

from dagster import DagsterEventType

from dagster_taskiq.dagster_internals.patches import write_events_by
from dagster_taskiq.host.child.exit import leave_now
from dagster_taskiq.host.child.interrupts import interrupts_deferred
from dagster_taskiq.host.record.attempt_log import (
    COUNTED,
    TERMINAL,
    AttemptLog,
    read_attempt,
    result_of,
)
from dagster_taskiq.host.record.standing import outcome_if_not_open
from dagster_taskiq.host.system.boot_time import boot_time
from dagster_taskiq.host.wire.errors import error_from, error_info, warn
from dagster_taskiq.host.wire.frames import Broken
from dagster_taskiq.host.wire.orders import StepId
from dagster_taskiq.host.wire.outcomes import Outcome, fault, outcome
from dagster_taskiq.host.wire.steering import Permit

if TYPE_CHECKING:
    from dagster import DagsterInstance, EventLogEntry

    from dagster_taskiq.host.wire.channel import Channel


def recorded(log: AttemptLog) -> Outcome:
    """Describe what this process wrote."""
    result = result_of(log)
    return outcome(result["state"], result, result["error"])


class Gate:
    """Stands between Dagster and its event log for one attempt; sees all its events go by."""

    def __init__(
        self,
        instance: DagsterInstance,
        step: StepId,
        channel: Channel,
        describe: Callable[[AttemptLog], Outcome] = recorded,
        *,
        reports_events: bool = False,
    ) -> None:
        self._instance = instance
        self._step = step
        self._channel = channel
        self._describe = describe
        self._reports_events = reports_events
        self._pid = os.getpid()
        self._asked = False
        self._log = AttemptLog()
        self.storage_error: BaseException | None = None
        self._write = write_events_by(instance, self.handle_new_event)

    @property
    def written(self) -> Outcome | None:
        """The outcome of the terminal event, once it stands in the log."""
        return None if self._log.terminal is None else self._describe(self._log)

    def handle_new_event(self, event: EventLogEntry, **options: Any) -> None:
        """Write the event, after a permit if it is terminal. Does not return when it may not."""
        self._give_sign_of_life()
        if (event.run_id, event.step_key) != (self._step.run_id, self._step.step_key):
            self._write(event, **options)
        elif event.dagster_event_type in TERMINAL:
            self._write_terminal(event, options)
        else:
            self._pass(event, options)

    def _give_sign_of_life(self) -> None:
        if self._reports_events and os.getpid() == self._pid:
            with contextlib.suppress(OSError):
                self._channel.send({"type": "event"})

    def _pass(self, event: EventLogEntry, options: dict[str, Any]) -> None:
        if event.dagster_event_type is DagsterEventType.STEP_SKIPPED:
            # Only the run worker skips. Here it means that known_state lacks what the step reads.
            raise RuntimeError(
                f"step {self._step.step_key} would be skipped: its inputs are not known"
            )
        try:
            self._write(event, **options)
        except Exception as error:
            self.storage_error = error
            raise
        if event.dagster_event_type in COUNTED:
            self._log.entries.append(event)

    def _write_terminal(self, event: EventLogEntry, options: dict[str, Any]) -> None:
        if os.getpid() != self._pid:
            warn(f"a forked copy of step {self._step.step_key} ran on to its end; it is stopped")
            leave_now()
        # An interrupt raised in here would cut the answer short, or pass for a failed write.
        with interrupts_deferred():
            self._obtain_permit(event)
            self._write_once(event, options)

    def _obtain_permit(self, event: EventLogEntry) -> None:
        if self._asked:
            self._give_up("SecondTerminalEvent", "a second terminal event was tried")
        self._require_open()
        self._asked = True
        asked_at = boot_time()
        within_ms = self._ask(event)
        if within_ms is None:
            self._give_up("PermitRefused", "the worker refused the permit")
        # The last thing before the write; a machine frozen after this line is not fenced.
        if boot_time() >= asked_at + within_ms / 1000:
            self._give_up("PermitLapsed", f"the permit did not come within {within_ms} ms")

    def _require_open(self) -> None:
        """Read the log once more, before a permit is spent: the attempt must still be open."""
        try:
            over = outcome_if_not_open(self._instance, self._step)
        except Exception as error:  # noqa: BLE001 - Dagster would record it
            self._leave("its log cannot be read", fault("instance", error_from(error)))
        if over is not None:
            is_over = over["kind"] == "already_recorded"
            self._leave(
                "the attempt is over already" if is_over else over["error"]["message"], over
            )

    def _ask(self, event: EventLogEntry) -> float | None:
        kind = event.dagster_event_type
        try:
            self._channel.send({"type": "ask", "event": None if kind is None else kind.value})
            while True:
                for frame in self._channel.receive():
                    if not isinstance(frame, Broken) and frame["type"] == "permit":
                        return Permit.from_frame(frame).within_ms
        except (OSError, EOFError) as error:
            self._give_up("NobodyToAsk", f"the connection to the worker is closed: {error!r}")

    def _write_once(self, event: EventLogEntry, options: dict[str, Any]) -> None:
        try:
            self._write(event, **options)
        except Exception as error:  # noqa: BLE001 - see _in_doubt
            self._in_doubt(error)
        self._log.entries.append(event)
        self._log.terminal = event
        # Sent at once, because hooks run after this, and they may take the process down.
        self.report(self._describe(self._log))

    def _in_doubt(self, error: Exception) -> None:
        """Go on when the write stands although it raised; else end before Dagster tries another."""
        try:
            log = read_attempt(self._instance, self._step)
        except Exception as unreadable:  # noqa: BLE001 - the outcome reports both errors
            self._give_up("WriteInDoubt", f"{error!r}; the log cannot be read: {unreadable!r}")
        if log.terminal is None:
            self._give_up("WriteFailed", repr(error))

    def _give_up(self, name: str, message: str) -> NoReturn:
        if self.written is None:
            self._leave(message, outcome("permit_refused", error=error_info(name, message)))
        leave_now()

    def _leave(self, why: str, ending: Outcome) -> NoReturn:
        warn(f"step {self._step.step_key}: nothing recorded: {why}")
        self.report(ending)
        leave_now()

    def report(self, ending: Outcome) -> None:
        """Send the outcome to the host, which passes the last one on when the process has ended."""
        try:
            self._channel.send({"type": "outcome", "outcome": ending})
        except OSError as error:
            warn(f"step {self._step.step_key}: outcome could not be reported: {error_from(error)}")
