"""Finds out what became of a COMMIT whose answer was lost. PostgreSQL keeps the fates by number."""

from __future__ import annotations

import time
from typing import Any, Protocol

from dagster_taskiq.host.recorder.store import ConnectionLost, InDoubt
from dagster_taskiq.host.system.boot_time import boot_time

_PATIENCE_SECONDS = 10.0
_PAUSE_SECONDS = 0.2


class Database(Protocol):
    """A connection that can be made again."""

    def open(self) -> Any:
        """Return the connection, a new one if it was dropped."""

    def drop(self) -> None:
        """Close it."""


def find_fate(database: Database, number: int, backend: int, why: Exception) -> None:
    """Return if the transaction is committed. Raises ConnectionLost if it is not, or InDoubt.

    The COMMIT of a transaction in progress may be on its way. So its backend is ended first.
    """
    until = boot_time() + _PATIENCE_SECONDS
    last: Exception = why
    while boot_time() < until:
        try:
            fate = _fate_of(database.open(), number, backend)
        except Exception as error:  # noqa: BLE001 - no connection yet, or the server lost the fate
            database.drop()
            last, fate = error, None
        if fate == "committed":
            return
        if fate == "aborted":
            raise ConnectionLost(str(why)) from why
        time.sleep(_PAUSE_SECONDS)
    raise InDoubt(f"{why}; whether it was committed cannot be read: {last}") from why


def _fate_of(connection: Any, number: int, backend: int) -> str | None:
    fate: str | None = connection.exec_driver_sql("SELECT txid_status(%s)", (number,)).scalar()
    if fate == "in progress":
        connection.exec_driver_sql("SELECT pg_terminate_backend(%s)", (backend,))
    return fate
