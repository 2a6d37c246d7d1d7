"""What Dagster's event log says of one attempt of one step. It is read before every start.

Terminal events carry no attempt number. Attempt n is what follows the n-th STEP_UP_FOR_RETRY, and
is not open before that. A RESOURCE_INIT_FAILURE does not open the next one. Dagster's run worker
answers it with a STEP_UP_FOR_RETRY or a STEP_FAILURE (before 1.12 it ended the step by itself).
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from dagster import DagsterEventType

from dagster_taskiq.host.record.step_events import Wanted, step_events
from dagster_taskiq.host.wire.errors import error_from_record
from dagster_taskiq.host.wire.orders import StepId
from dagster_taskiq.host.wire.outcomes import execution_result

if TYPE_CHECKING:
    from dagster import DagsterEvent, DagsterInstance, EventLogEntry

    from dagster_taskiq.host.wire.frames import ErrorInfo, ExecutionResult, State

TERMINAL: dict[DagsterEventType, State] = {
    DagsterEventType.STEP_SUCCESS: "success",
    DagsterEventType.STEP_FAILURE: "failure",
    DagsterEventType.STEP_UP_FOR_RETRY: "up_for_retry",
    DagsterEventType.RESOURCE_INIT_FAILURE: "resource_init_failure",
}
BEGINNING = {DagsterEventType.STEP_START, DagsterEventType.STEP_RESTARTED}
COUNTED = {
    *TERMINAL,
    *BEGINNING,
    DagsterEventType.STEP_OUTPUT,
    DagsterEventType.ASSET_MATERIALIZATION,
}
ANNOUNCEMENT = DagsterEventType.STEP_WORKER_STARTING


@dataclass
class AttemptLog:
    """The attempt's own entries, oldest first, and the one that ended it if any did."""

    entries: list[EventLogEntry] = field(default_factory=list)
    terminal: EventLogEntry | None = None
    opened: bool = True
    """Whether as many STEP_UP_FOR_RETRY stand before the attempt as its number says."""
    announced: bool = False
    """Whether the run worker has said that it sends the attempt."""

    @property
    def began(self) -> bool:
        """Whether user code may have run already."""
        return any(entry.dagster_event_type in BEGINNING for entry in self.entries)

    @property
    def has_dynamic_outputs(self) -> bool:
        """Whether outputs stand that the run worker would map a second time."""
        return any(
            entry.dagster_event_type is DagsterEventType.STEP_OUTPUT
            and entry.get_dagster_event().step_output_data.mapping_key is not None
            for entry in self.entries
        )


def wanted_of(step_key: str) -> Wanted:
    """Return which events of the step show where its attempts stand."""
    return Wanted((step_key,), (*COUNTED, ANNOUNCEMENT))


def read_attempt(instance: DagsterInstance, step: StepId) -> AttemptLog:
    """Read the log for one attempt. Raises whatever the storage raises."""
    events = step_events(instance, step.run_id, [wanted_of(step.step_key)])
    return find_attempt([event.entry for event in events], step.attempt)


def find_attempt(entries: Iterable[EventLogEntry], attempt: int) -> AttemptLog:
    """Find attempt n among all entries of the step, oldest first."""
    log, retries = AttemptLog(), 0
    for entry in entries:
        kind = entry.dagster_event_type
        if kind is ANNOUNCEMENT:
            log.announced = True
            continue
        log.entries.append(entry)
        if kind in (DagsterEventType.STEP_SUCCESS, DagsterEventType.STEP_FAILURE):
            log.terminal = entry
            return log
        if kind is DagsterEventType.STEP_UP_FOR_RETRY:
            if retries == attempt:
                log.terminal = entry
                return log
            log, retries = AttemptLog(), retries + 1
    if retries < attempt:
        return AttemptLog(opened=False)
    log.terminal = _standing_init_failure(log.entries)
    return log


class Summary:
    """What the result of an attempt needs of its events, as they come."""

    def __init__(self) -> None:
        self._first_at: float | None = None
        self._began_at: float | None = None
        self._outputs: dict[str, None] = {}
        self._assets: dict[str, None] = {}

    def with_all(self, entries: Iterable[EventLogEntry]) -> Summary:
        """Return what it would be with these entries, too."""
        summary = Summary()
        summary._first_at, summary._began_at = self._first_at, self._began_at
        summary._outputs, summary._assets = dict(self._outputs), dict(self._assets)
        for entry in entries:
            summary.add(entry)
        return summary

    def add(self, entry: EventLogEntry) -> None:
        """Take in an event of the attempt; others than those of `COUNTED` do not count."""
        kind = entry.dagster_event_type
        if kind not in COUNTED:
            return
        if self._first_at is None:
            self._first_at = entry.timestamp
        if kind in BEGINNING and self._began_at is None:
            self._began_at = entry.timestamp
        if kind is DagsterEventType.STEP_OUTPUT:
            self._outputs[entry.get_dagster_event().step_output_data.output_name] = None
        elif kind is DagsterEventType.ASSET_MATERIALIZATION:
            key = entry.get_dagster_event().asset_key
            self._assets["" if key is None else key.to_user_string()] = None

    def result(self, terminal: EventLogEntry) -> ExecutionResult:
        """Return how the attempt ended, in the ledger's form."""
        if terminal.dagster_event_type not in TERMINAL:
            raise ValueError("the attempt has no terminal event")
        since = self._first_at if self._began_at is None else self._began_at
        produced = {"outputs": list(self._outputs), "assets": list(self._assets)}
        return execution_result(
            TERMINAL[terminal.dagster_event_type],
            terminal.timestamp if since is None else since,
            terminal.timestamp,
            output=produced if any(produced.values()) else None,
            error=terminal_error(terminal.get_dagster_event()),
        )


def result_of(log: AttemptLog) -> ExecutionResult:
    """Return how a finished attempt ended, in the ledger's form."""
    if log.terminal is None:
        raise ValueError("the attempt has no terminal event")
    summary = Summary()
    for entry in log.entries:
        summary.add(entry)
    return summary.result(log.terminal)


def terminal_error(event: DagsterEvent) -> ErrorInfo | None:
    """Return the error that a terminal event carries."""
    error = getattr(event.event_specific_data, "error", None)
    return None if error is None else error_from_record(error)


def _standing_init_failure(entries: list[EventLogEntry]) -> EventLogEntry | None:
    # Its follow-up, failure or retry, is the run worker's to write: the attempt is over as it is.
    for entry in entries:
        if entry.dagster_event_type is DagsterEventType.RESOURCE_INIT_FAILURE:
            return entry
    return None
