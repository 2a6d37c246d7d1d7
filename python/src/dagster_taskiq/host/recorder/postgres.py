"""PostgreSQL: one connection, or two where runs and events are in two databases.

Each connection is in AUTOCOMMIT, as Dagster opens it. Transactions are begun and committed by
statements, several of them in one message.
"""

from __future__ import annotations

import contextlib
import math
from collections.abc import Callable, Collection, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import lru_cache
from typing import TYPE_CHECKING, Any, TypeVar

from sqlalchemy.exc import DBAPIError

from dagster_taskiq.dagster_internals.recorder import (
    ASSET_CHECK_EVENTS,
    ASSET_EVENTS,
    SqlEventLogStorageTable,
    connect_by,
    engine_of,
    find_tables_once,
    storages_of,
)
from dagster_taskiq.host.recorder.commits import find_fate
from dagster_taskiq.host.recorder.events import COLUMNS, RecordedEvent
from dagster_taskiq.host.recorder.settlement import STALE, Settlement, statement_for
from dagster_taskiq.host.recorder.store import (
    ConnectionLost,
    Lapsed,
    NoConnection,
    Part,
    Stale,
)
from dagster_taskiq.host.system.boot_time import boot_time
from dagster_taskiq.host.wire.errors import causes_of
from dagster_taskiq.notifications import CHANNEL

if TYPE_CHECKING:
    from dagster import DagsterInstance

T = TypeVar("T")

# Shorter than the alarm that ends a recorder that hangs. The last timeout frees the rows that a
# recorder locked before it stood still in the middle of its transaction.
_BEGIN = """
BEGIN ISOLATION LEVEL READ COMMITTED;
SET LOCAL statement_timeout = '30s';
SET LOCAL lock_timeout = '20s';
SET LOCAL idle_in_transaction_session_timeout = '30s';
SELECT clock_timestamp(), txid_current(), pg_backend_pid()
"""
_LAPSED = "the deadline of the step has passed"
# The server compares, so that a recorder may stand still for any time before this line is sent.
_REQUIRE_BEFORE = """
SELECT CAST(CASE WHEN clock_timestamp() < '{moment}' THEN '0' ELSE '{lapsed}' END AS integer);
"""
# With a settled claim the worker deletes the message: the server must not forget what it commits.
_DURABLY = "SET LOCAL synchronous_commit = on;"
_ROWS_TOGETHER = 500


@dataclass(frozen=True)
class Begun:
    """A transaction: its start by boot time and by the server's clock, its number, its backend."""

    at: float
    moment: datetime
    number: int
    backend: int

    def moment_of(self, deadline: float) -> str:
        """Return the deadline by the server's clock. It is early by the time that BEGIN took."""
        return (self.moment + timedelta(seconds=deadline - self.at)).isoformat()


class Postgres:
    """See `Store`."""

    def __init__(self, instance: DagsterInstance) -> None:
        self._log, runs = storages_of(instance)
        self._events = Kept(engine_of(self._log))
        same = runs.postgres_url == self._log.postgres_url
        self._runs = self._events if same else Kept(engine_of(runs))
        connect_by(self._log, runs, self._events.lend, self._runs.lend)
        find_tables_once(self._log)

    def together(self, parts: Sequence[Part]) -> Sequence[Sequence[Part]]:
        """See `Store`."""
        return [parts] if parts else []

    def let_go(self, live: Collection[str]) -> None:
        """See `Store`."""
        if not live:
            self._drop()

    def read(self, work: Callable[[], T]) -> T:
        """See `Store`."""
        for database in (self._events, self._runs):
            database.drop_if_lost()
        try:
            return work()
        except Exception as error:
            if not any(_is_disconnect(cause) for cause in causes_of(error)):
                raise
            self._drop()
        return work()

    def write(self, parts: Sequence[Part]) -> None:
        """See `Store`."""
        self._events.drop_if_lost()
        connection = self._events.open()
        try:
            begun = _begin(connection)
            events = [event for part in parts for event in part.events]
            ids = _insert(connection, events)
            self._store_assets(events, ids)
        except DBAPIError as error:
            raise self._before_commit(error) from error
        except BaseException:
            self._roll_back()
            raise
        settlements = [part.settlement for part in parts if part.settlement is not None]
        self._commit(connection, begun, min(part.deadline for part in parts), settlements)
        self._notify(events, ids)

    def _store_assets(self, events: Sequence[RecordedEvent], ids: Sequence[int]) -> None:
        """Write the rows about assets and checks by Dagster's own methods.

        They are sorted by asset, so that recorders that write the same assets wait in one order.
        """
        about = [(e, n) for e, n in zip(events, ids, strict=True) if e.is_of_asset]
        for event, number in sorted(about, key=lambda pair: str(pair[0].row["asset_key"])):
            entry = event.entry
            if event.kind in ASSET_EVENTS and entry.get_dagster_event().asset_key:
                self._log.store_asset_event_tags([entry], [number])
                self._log.store_asset_event(entry, number)
            if event.kind in ASSET_CHECK_EVENTS:
                self._log.store_asset_check_event(entry, number)

    def _commit(
        self, connection: Any, begun: Begun, deadline: float, settlements: Sequence[Settlement]
    ) -> None:
        """Commit, if the deadline has not passed and the claims hold, and settle those.

        All of it is one message: no row of the ledger is locked while this process stands still.
        """
        before: str = ""
        parameters: tuple[str, ...] = ()
        if settlements:
            before, parameters = statement_for(settlements)
            before = _DURABLY + before
        if deadline < math.inf:
            if boot_time() >= deadline:
                self._roll_back()
                raise Lapsed
            moment = begun.moment_of(deadline)
            before = _REQUIRE_BEFORE.format(moment=moment, lapsed=_LAPSED) + before
        try:
            connection.exec_driver_sql(f"{before}COMMIT", parameters or None)
        except DBAPIError as error:
            if not _is_disconnect(error):
                self._roll_back()
                # Not in the whole text, which has the statement in it.
                reason = str(error.orig)
                if _LAPSED in reason:
                    raise Lapsed from error
                if STALE in reason:
                    raise Stale from error
                raise
            self._drop()
            find_fate(self._events, begun.number, begun.backend, error)

    def _notify(self, events: Sequence[RecordedEvent], ids: Sequence[int]) -> None:
        """Notify once per run and batch, as Dagster's storage does for each event."""
        first: dict[str, int] = {}
        for event, number in zip(events, ids, strict=True):
            first.setdefault(event.entry.run_id, number)
        calls = ", ".join(["pg_notify(%s, %s)"] * len(first))
        texts = [text for run, n in first.items() for text in (CHANNEL, f"{run}_{n}")]
        # What is committed stays so; the run worker polls for what it is not notified of.
        with contextlib.suppress(Exception):
            # The answer to COMMIT may have been sought over another connection.
            self._events.open().exec_driver_sql(f"SELECT {calls}", tuple(texts))

    def _before_commit(self, error: DBAPIError) -> Exception:
        if _is_disconnect(error):
            self._drop()
            return ConnectionLost(str(error))
        self._roll_back()
        return error

    def _roll_back(self) -> None:
        try:
            self._events.open().exec_driver_sql("ROLLBACK")
        except Exception:  # noqa: BLE001 - the server rolls back what loses its connection
            self._drop()

    def _drop(self) -> None:
        self._events.drop()
        self._runs.drop()


class Kept:
    """Keeps one connection open, and lends it to Dagster's methods."""

    def __init__(self, engine: Any) -> None:
        self._engine = engine
        self._connection: Any = None

    def open(self) -> Any:
        """Return the connection, a new one if there is none. Raises NoConnection."""
        if self._connection is None:
            try:
                self._connection = self._engine.connect()
            except Exception as error:
                raise NoConnection(str(error)) from error
            # Without this Dagster would begin transactions of its own. In AUTOCOMMIT it sends none.
            self._connection.begin()
        return self._connection

    def drop_if_lost(self) -> None:
        """Drop a connection that turned out to be closed. Call this outside transactions only."""
        if self._connection is not None and self._connection.invalidated:
            self.drop()

    @contextmanager
    def lend(self) -> Iterator[Any]:
        """Lend the connection for a block. The connection stays open after the block."""
        yield self.open()

    def drop(self) -> None:
        """Close the connection. The next use opens another."""
        connection, self._connection = self._connection, None
        if connection is not None:
            with contextlib.suppress(Exception):
                connection.invalidate()
            with contextlib.suppress(Exception):
                connection.close()


def _is_disconnect(error: BaseException) -> bool:
    return isinstance(error, DBAPIError) and error.connection_invalidated


def _begin(connection: Any) -> Begun:
    moment, number, backend = connection.exec_driver_sql(_BEGIN).one()
    return Begun(boot_time(), moment, number, backend)


def _insert(connection: Any, events: Sequence[RecordedEvent]) -> list[int]:
    ids: list[int] = []
    for at in range(0, len(events), _ROWS_TOGETHER):
        rows = [event.row for event in events[at : at + _ROWS_TOGETHER]]
        values = tuple(row[column] for row in rows for column in COLUMNS)
        found = connection.exec_driver_sql(_insertion(len(rows)), values).fetchall()
        # Dagster relies on the order, too: rows get their ids in the order of VALUES.
        ids += [row[0] for row in found]
    return ids


@lru_cache
def _insertion(count: int) -> str:
    """Return the statement as text: SQLAlchemy would build one of many rows each time."""
    row = f"({', '.join(['%s'] * len(COLUMNS))})"
    names = ", ".join(f'"{name}"' for name in COLUMNS)
    rows = ", ".join([row] * count)
    return f"INSERT INTO {SqlEventLogStorageTable.name} ({names}) VALUES {rows} RETURNING id"  # noqa: S608
