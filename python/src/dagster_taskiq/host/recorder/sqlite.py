"""SQLite, where Dagster keeps a database per run, one that indexes assets, and one of runs.

Each connection is in AUTOCOMMIT. Statements begin and commit transactions.
"""

from __future__ import annotations

import contextlib
import sqlite3
from collections.abc import Callable, Collection, Iterator, Sequence
from contextlib import contextmanager
from itertools import groupby
from typing import TYPE_CHECKING, Any, TypeVar

from sqlalchemy import create_engine, make_url
from sqlalchemy.pool import NullPool

from dagster_taskiq.dagster_internals.recorder import (
    EVENT_TYPE_TO_PIPELINE_RUN_STATUS,
    SQLITE_BUSY_TIMEOUT_SECONDS,
    SqlEventLogStorageTable,
    connect_by,
    find_tables_once,
    storages_of,
)
from dagster_taskiq.host.record.standing import outcome_if_not_open
from dagster_taskiq.host.recorder.events import RecordedEvent
from dagster_taskiq.host.recorder.store import Ended, Lapsed, Part
from dagster_taskiq.host.system.boot_time import boot_time

if TYPE_CHECKING:
    from dagster import DagsterInstance

T = TypeVar("T")

# Dagster's names of the two databases that are not of one run.
_INDEX = "index"
_RUNS = "runs"


class Sqlite:
    """See `Store`."""

    def __init__(self, instance: DagsterInstance) -> None:
        self._instance = instance
        self._log, self._runs = storages_of(instance)
        self._initialize = self._log._connect
        self._path = ""
        # One engine for all files: it keeps what SQLAlchemy has compiled.
        self._engine = create_engine(
            "sqlite://", creator=self._connect, poolclass=NullPool, isolation_level="AUTOCOMMIT"
        )
        self._open: dict[str, Any] = {}
        self._begun: list[str] = []
        # By identity, the events that the index has of transactions whose other half failed.
        self._indexed: dict[int, RecordedEvent] = {}
        connect_by(self._log, self._runs, self._lend, self._lend_runs)
        find_tables_once(self._log)

    def together(self, parts: Sequence[Part]) -> Sequence[Sequence[Part]]:
        """See `Store`."""
        by_run = sorted(parts, key=_run_of)
        return [list(group) for _, group in groupby(by_run, key=_run_of)]

    def let_go(self, live: Collection[str]) -> None:
        """See `Store`."""
        kept = {*live, _INDEX, _RUNS} if live else set()
        for name in set(self._open) - kept:
            self._drop(name)
        self._indexed = {n: e for n, e in self._indexed.items() if e.entry.run_id in live}

    def read(self, work: Callable[[], T]) -> T:
        """See `Store`."""
        return work()

    def write(self, parts: Sequence[Part]) -> None:
        """See `Store`.

        The index is committed first: a success must not stand whose materialization is lost.
        """
        deadline = min(part.deadline for part in parts)
        run = _run_of(parts[0])
        events = [event for part in parts for event in part.events]
        try:
            self._begin(run)
            self._require_open(parts)
            self._insert(run, events)
            for name in reversed(self._begun):
                if boot_time() >= deadline:
                    raise Lapsed
                self._open[name].exec_driver_sql("COMMIT")
                self._begun.remove(name)
                if name == _INDEX:
                    self._indexed |= {id(e): e for e in events if _goes_beyond_its_run(e)}
            for event in events:
                self._indexed.pop(id(event), None)
        finally:
            for name in self._begun:
                self._roll_back(name)
            self._begun = []

    def _require_open(self, parts: Sequence[Part]) -> None:
        """Look at each attempt that ends, under the lock. Raises Ended.

        Another recorder may have stood still with the lock past its deadline, and committed since
        the permit was asked for. This look finds what it committed.
        """
        for part in parts:
            if not part.ends:
                continue
            over = outcome_if_not_open(self._instance, part.attempt)
            if over is not None:
                raise Ended(over)

    def _insert(self, run: str, events: Sequence[RecordedEvent]) -> None:
        for apart, group in groupby(events, key=self._is_for_index):
            if apart:
                self._begin(_INDEX)
                for event in group:
                    self._log.store_event(event.entry)
            else:
                rows = [dict(event.row) for event in group]
                self._open[run].execute(SqlEventLogStorageTable.insert(), rows)

    def _is_for_index(self, event: RecordedEvent) -> bool:
        return _goes_beyond_its_run(event) and id(event) not in self._indexed

    def _begin(self, name: str) -> None:
        if name not in self._begun:
            # IMMEDIATE waits for the lock now. Later, SQLite could only refuse a second writer.
            self._shard(name).exec_driver_sql("BEGIN IMMEDIATE")
            self._begun.append(name)

    def _roll_back(self, name: str) -> None:
        try:
            self._open[name].exec_driver_sql("ROLLBACK")
        except Exception:  # noqa: BLE001 - closing it rolls back
            self._drop(name)

    @contextmanager
    def _lend(self, shard: str) -> Iterator[Any]:
        yield self._shard(shard)

    @contextmanager
    def _lend_runs(self) -> Iterator[Any]:
        yield self._kept(_RUNS, self._runs._conn_string)

    def _shard(self, shard: str) -> Any:
        if shard not in self._open:
            with self._initialize(shard):
                pass  # Dagster makes the database, if there is none
        return self._kept(shard, self._log.conn_string_for_shard(shard))

    def _kept(self, name: str, url: str) -> Any:
        if name not in self._open:
            self._path = make_url(url).database or ""
            connection = self._engine.connect()
            # Without this Dagster would begin transactions of its own.
            connection.begin()
            self._open[name] = connection
        return self._open[name]

    def _connect(self) -> sqlite3.Connection:
        return sqlite3.connect(self._path, timeout=SQLITE_BUSY_TIMEOUT_SECONDS)

    def _drop(self, name: str) -> None:
        with contextlib.suppress(Exception):
            self._open.pop(name).close()


def _run_of(part: Part) -> str:
    return part.attempt.run_id


def _goes_beyond_its_run(event: RecordedEvent) -> bool:
    return event.is_of_asset or event.kind in EVENT_TYPE_TO_PIPELINE_RUN_STATUS
