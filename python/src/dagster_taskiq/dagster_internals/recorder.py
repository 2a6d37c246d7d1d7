"""Dagster's internals that the recorder uses, and how it puts its own connections under them.

Each name was seen in every version of `SEEN_IN` unless its line says otherwise.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from importlib import import_module
from typing import TYPE_CHECKING, Any

from dagster._core.events import (
    ASSET_CHECK_EVENTS,
    ASSET_EVENTS,
    EVENT_TYPE_TO_PIPELINE_RUN_STATUS,
)
from dagster._core.storage.event_log import (
    SqlEventLogStorage,
    SqlEventLogStorageTable,
    SqliteEventLogStorage,
)
from dagster._core.storage.runs import SqliteRunStorage, SqlRunStorage

if TYPE_CHECKING:
    from contextlib import AbstractContextManager

    from dagster import DagsterInstance

# Dagster has it since 1.13, and waited before as long as Python's driver does by itself.
SQLITE_BUSY_TIMEOUT_SECONDS: float = getattr(
    import_module("dagster._core.storage.sqlite"), "SQLITE_BUSY_TIMEOUT_SECONDS", 5.0
)

Connect = Callable[..., "AbstractContextManager[Any]"]


def kind_of_storage(instance: DagsterInstance) -> str | None:
    """Return `postgres` or `sqlite`. `None` means any other storage, a subclass of these included.

    The classes of dagster-postgres are imported if the instance uses them.
    """
    classes = (type(instance.event_log_storage), type(instance.run_storage))
    if classes == (SqliteEventLogStorage, SqliteRunStorage):
        return "sqlite"
    if classes == (
        _imported("dagster_postgres.event_log.event_log", "PostgresEventLogStorage"),
        _imported("dagster_postgres.run_storage.run_storage", "PostgresRunStorage"),
    ):
        return "postgres"
    return None


def storages_of(instance: DagsterInstance) -> tuple[Any, Any]:
    """Return its event log and its run storage, whose private names the recorder uses."""
    return instance.event_log_storage, instance.run_storage


def engine_of(storage: Any) -> Any:
    """Return the SQLAlchemy engine of a storage of dagster-postgres, with the user's options."""
    return storage._engine


def connect_by(log: SqlEventLogStorage, runs: SqlRunStorage, own: Connect, run: Connect) -> None:
    """Have the event log connect by `own` and the run storage by `run`, context managers both.

    `own` takes the arguments of Dagster's `_connect`, which are none on PostgreSQL, and a shard's
    name on SQLite.

    Not undone: it is called in the recorder, which ends with its connections.
    """
    for storage, name, connect in ((log, "_connect", own), (runs, "connect", run)):
        getattr(storage, name)  # or the patch would change nothing
        setattr(storage, name, connect)


def find_tables_once(log: SqlEventLogStorage) -> None:
    """Have the event log look for each table only until it is found.

    Not undone: it is called in the recorder, during whose life no table is dropped.
    """
    own, found = log.has_table, set[str]()

    def has_table(table_name: str) -> bool:
        if table_name not in found and own(table_name):
            found.add(table_name)
        return table_name in found

    log.has_table = has_table  # type: ignore[method-assign]


def _imported(module: str, name: str) -> Any:
    return getattr(sys.modules.get(module), name, None)


__all__ = [
    "ASSET_CHECK_EVENTS",
    "ASSET_EVENTS",
    "EVENT_TYPE_TO_PIPELINE_RUN_STATUS",
    "SQLITE_BUSY_TIMEOUT_SECONDS",
    "SqlEventLogStorage",
    "SqlEventLogStorageTable",
    "SqlRunStorage",
    "SqliteEventLogStorage",
    "SqliteRunStorage",
    "connect_by",
    "engine_of",
    "find_tables_once",
    "kind_of_storage",
    "storages_of",
]
