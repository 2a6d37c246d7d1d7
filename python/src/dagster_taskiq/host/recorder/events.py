"""Events as step processes send them: texts that are read before anything relies on them."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timezone
from typing import TYPE_CHECKING, Any

from dagster import EventLogEntry

from dagster_taskiq.dagster_internals.host import deserialize_value
from dagster_taskiq.dagster_internals.recorder import ASSET_CHECK_EVENTS, ASSET_EVENTS
from dagster_taskiq.host.record.attempt_log import TERMINAL
from dagster_taskiq.host.record.subjects import step_keys_of

if TYPE_CHECKING:
    from collections.abc import Mapping

    from dagster import DagsterEventType

COLUMNS = (
    "run_id",
    "event",
    "dagster_event_type",
    "timestamp",
    "step_key",
    "asset_key",
    "partition",
)
"""The columns of Dagster's table of events, in the order of `RecordedEvent.row`."""


class UnreadableEvent(ValueError):
    """The text is not an event, or not one that this step may send."""


@dataclass(frozen=True)
class RecordedEvent:
    """One event, as it will be stored."""

    entry: EventLogEntry
    text: str
    """Dagster's serdes JSON of `entry`."""

    @property
    def kind(self) -> DagsterEventType | None:
        """Dagster's type. `None` means a message that user code logged."""
        return self.entry.dagster_event_type

    @property
    def is_terminal(self) -> bool:
        """Whether it ends the attempt."""
        return self.kind in TERMINAL

    @property
    def is_of_asset(self) -> bool:
        """Whether Dagster stores rows about an asset or a check with it."""
        return self.kind in ASSET_EVENTS or self.kind in ASSET_CHECK_EVENTS

    @property
    def row(self) -> Mapping[str, Any]:
        """The row that Dagster's own storages write for the event. A test compares the two."""
        entry, event = self.entry, self.entry.dagster_event
        asset_key = None if event is None else event.asset_key
        return {
            "run_id": entry.run_id,
            "event": self.text,
            "dagster_event_type": None if event is None else event.event_type_value,
            "timestamp": datetime.fromtimestamp(entry.timestamp, timezone.utc).replace(tzinfo=None),
            "step_key": entry.step_key if event is None else event.step_key,
            "asset_key": None if asset_key is None else asset_key.to_string(),
            "partition": (event.partition or None) if event is not None else None,
        }


def read_event(text: object, run_id: str, step_key: str) -> RecordedEvent:
    """Read what a process sent for this step. Raises UnreadableEvent."""
    if not isinstance(text, str):
        raise UnreadableEvent(f"expected the text of an event, got {type(text).__name__}")
    try:
        entry = deserialize_value(text, EventLogEntry)
    except Exception as error:
        raise UnreadableEvent(f"not an event of Dagster's: {error}") from error
    keys = step_keys_of(entry)
    if entry.run_id != run_id or keys != {step_key}:
        found = " and ".join(sorted(map(str, keys)))
        raise UnreadableEvent(
            f"expected an event of step {step_key} of run {run_id},"
            f" got one of step {found} of run {entry.run_id}"
        )
    return RecordedEvent(entry, text)
