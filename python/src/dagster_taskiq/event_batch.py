"""Writes several events to Dagster's event log at once, because one by one each costs a connection.

Dagster itself writes only batches of materializations and observations. The events here are kept by
the log alone. They are of no asset, and none changes the run's status.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from sqlalchemy import func, select

from dagster_taskiq.dagster_internals.patches import store_events_by
from dagster_taskiq.dagster_internals.producer import (
    SqlEventLogStorage,
    SqlEventLogStorageTable,
    SqliteEventLogStorage,
)
from dagster_taskiq.notifications import CHANNEL, postgres_storage

if TYPE_CHECKING:
    from dagster import EventLogEntry

    from dagster_taskiq.dagster_internals.producer import EventLogStorage


@contextmanager
def written_at_once(storage: EventLogStorage) -> Iterator[None]:
    """Write the events of this block, of one run, in its end, if the storage is a known one.

    Raises whatever the storage raises. An exception in the block leaves its events unwritten.
    """
    writing = type(storage).store_event
    postgres = postgres_storage()
    is_postgres = postgres is not None and writing is postgres.store_event
    if not is_postgres and writing is not SqliteEventLogStorage.store_event:
        yield
        return
    assert isinstance(storage, SqlEventLogStorage)
    events: list[EventLogEntry] = []
    store, own_thread = storage.store_event, threading.get_ident()

    def keep(event: EventLogEntry) -> None:
        if threading.get_ident() == own_thread:
            events.append(event)
        else:
            store(event)

    with store_events_by(storage, keep):
        yield
    _write(storage, events, notify=is_postgres)


def _write(storage: SqlEventLogStorage, events: list[EventLogEntry], *, notify: bool) -> None:
    if not events:
        return
    insert = storage.prepare_insert_event_batch(events)
    with storage.run_connection(events[0].run_id) as connection:
        if not notify:
            connection.execute(insert)
            return
        stored = connection.execute(insert.returning(SqlEventLogStorageTable.c.id))
        last_id = max(row[0] for row in stored.fetchall())
        connection.execute(select(func.pg_notify(CHANNEL, f"{events[0].run_id}_{last_id}")))
