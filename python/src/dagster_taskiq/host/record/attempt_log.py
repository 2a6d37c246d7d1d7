"""What Dagster's event log says of one attempt of one step. It is read before every start.

Terminal events carry no attempt number: attempt n is what follows the n-th STEP_UP_FOR_RETRY. It is
not open before that. A RESOURCE_INIT_FAILURE does not open the next one: Dagster's run worker
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
TOLD = {
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
    """Return which events of the step tell where its attempts stand."""
    return Wanted((step_key,), (*TOLD, ANNOUNCEMENT))


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


def result_of(log: AttemptLog) -> ExecutionResult:
    """Tell how a finished attempt ended, in the ledger's form."""
    terminal = log.terminal
    if terminal is None or terminal.dagster_event_type is None:
        raise ValueError("the attempt has no terminal event")
    began = [e.timestamp for e in log.entries if e.dagster_event_type in BEGINNING]
    return execution_result(
        TERMINAL[terminal.dagster_event_type],
        (began or [e.timestamp for e in log.entries] or [terminal.timestamp])[0],
        terminal.timestamp,
        output=_produced(log),
        error=terminal_error(terminal.get_dagster_event()),
    )


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


def _produced(log: AttemptLog) -> dict[str, list[str]] | None:
    outputs: dict[str, None] = {}
    assets: dict[str, None] = {}
    for entry in log.entries:
        if entry.dagster_event_type is DagsterEventType.STEP_OUTPUT:
            outputs[entry.get_dagster_event().step_output_data.output_name] = None
        elif entry.dagster_event_type is DagsterEventType.ASSET_MATERIALIZATION:
            key = entry.get_dagster_event().asset_key
            assets["" if key is None else key.to_user_string()] = None
    return {"outputs": list(outputs), "assets": list(assets)} if outputs or assets else None
