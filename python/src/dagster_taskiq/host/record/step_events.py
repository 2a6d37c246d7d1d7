"""Events of some steps of a run, read by step key instead of the whole run's.

Dagster's public API selects a run's events by type alone, so the last of a thousand steps would
read what all the others wrote. Its SQL storages have the step key in a column; other storages are
asked by the public API.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

from dagster import DagsterEventType, EventLogEntry

from dagster_taskiq.dagster_internals.host import (
    SqlEventLogStorage,
    SqlEventLogStorageTable,
    StepOutputHandle,
    db_select,
    deserialize_value,
    serialize_value,
)

if TYPE_CHECKING:
    from dagster import DagsterInstance

# SQLite took 999 parameters in a query until 3.32.
_KEYS_TOGETHER = 500


@dataclass(frozen=True)
class StepEvent:
    """One event."""

    step_key: str
    kind: DagsterEventType
    text: str | None
    """Dagster's serdes JSON, parsed on demand. None if it was not wanted."""

    @cached_property
    def entry(self) -> EventLogEntry:
        """Return the event as Dagster has it."""
        return deserialize_value(self._required_text, EventLogEntry)

    @cached_property
    def output(self) -> StepOutputHandle:
        """Return which output a STEP_OUTPUT is about.

        Reading the entry would take ten times as long, and a collect has thousands.
        """
        try:
            data = json.loads(self._required_text)["dagster_event"]["event_specific_data"]
            handle = data["step_output_handle"]
            return StepOutputHandle(
                handle["step_key"], handle["output_name"], handle["mapping_key"]
            )
        except (KeyError, TypeError):
            return self.entry.get_dagster_event().step_output_data.step_output_handle

    @property
    def _required_text(self) -> str:
        if self.text is None:
            raise ValueError(f"the text of a {self.kind.value} of {self.step_key} was not read")
        return self.text


@dataclass(frozen=True)
class Wanted:
    """Which events of which steps to read; without their texts where only the fact counts."""

    step_keys: Collection[str]
    kinds: Collection[DagsterEventType]
    text: bool = True


def step_events(
    instance: DagsterInstance, run_id: str, wanted: Sequence[Wanted]
) -> list[StepEvent]:
    """Return the wanted events of the run, oldest first. Raises whatever the storage raises."""
    storage = instance.event_log_storage
    if isinstance(storage, SqlEventLogStorage):
        return _by_query(storage, run_id, wanted)
    return list(_by_public_api(instance, run_id, wanted))


def _by_query(
    storage: SqlEventLogStorage, run_id: str, wanted: Sequence[Wanted]
) -> list[StepEvent]:
    table = SqlEventLogStorageTable.c
    facts = [table.id, table.step_key, table.dagster_event_type]
    found: dict[int, StepEvent] = {}
    with storage.run_connection(run_id) as connection:
        for keys, kinds, text in _slices(wanted):
            query = (
                db_select([*facts, table.event] if text else facts)
                .where(table.run_id == run_id)
                .where(table.step_key.in_(keys))
                .where(table.dagster_event_type.in_(kinds))
            )
            for number, step_key, kind, *texts in connection.execute(query).fetchall():
                found[number] = StepEvent(step_key, DagsterEventType(kind), *(texts or [None]))
    return [found[number] for number in sorted(found)]


def _slices(wanted: Sequence[Wanted]) -> Iterator[tuple[list[str], list[str], bool]]:
    for one in wanted:
        keys = sorted(one.step_keys)
        kinds = [kind.value for kind in one.kinds]
        for at in range(0, len(keys), _KEYS_TOGETHER):
            yield keys[at : at + _KEYS_TOGETHER], kinds, one.text


def _by_public_api(
    instance: DagsterInstance, run_id: str, wanted: Sequence[Wanted]
) -> Iterator[StepEvent]:
    pairs = {(key, kind) for one in wanted for key in one.step_keys for kind in one.kinds}
    for entry in instance.all_logs(run_id, of_type={kind for _, kind in pairs}):
        key, kind = entry.step_key, entry.dagster_event_type
        if key is not None and kind is not None and (key, kind) in pairs:
            yield StepEvent(key, kind, serialize_value(entry))
