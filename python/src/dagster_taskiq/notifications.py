"""Listens to the notifications that Dagster's PostgreSQL storage sends for each event it stores.

They only end a pause early: the executor looks at the event log afterwards, as after any pause.
So a notification may be lost, late or wrong, and a pooler in transaction mode may swallow all.
The look after a notification uses the same connection, because Dagster opens one for each look.

The run worker's own thread waits on the connection's socket. There is no other thread to keep the
process alive, and psycopg2 leaves a connection alone in the forks of the process that opened it.
"""

from __future__ import annotations

import random
import selectors
import sys
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from typing import TYPE_CHECKING, Any, TypeVar

from dagster_taskiq.backoff import doubled
from dagster_taskiq.dagster_internals.patches import connect_event_log_by
from dagster_taskiq.deadline import within

if TYPE_CHECKING:
    from dagster import DagsterEventType

    from dagster_taskiq.dagster_internals.producer import EventLogStorage

T = TypeVar("T")

CHANNEL = "run_events"
APPLICATION_NAME = "taskiq run worker"
"""What `pg_stat_activity` shows for the connection."""

CONNECT_SECONDS = 3.0
QUERY_SECONDS = 2.0
FIRST_RETRY_SECONDS = 1.0
LONGEST_RETRY_SECONDS = 60.0

_NEWS = """
SELECT 1 FROM event_logs
WHERE run_id = %s AND id >= %s AND dagster_event_type = ANY(%s) LIMIT 1
"""


class RunNotifications:
    """One connection that listens for one run. A lost one is made again, ever less often."""

    def __init__(self, storage: Any, run_id: str, kinds: Sequence[DagsterEventType]) -> None:
        self._storage = storage
        self._run_id = run_id
        self._kinds = [kind.value for kind in kinds]
        self._connection: Any = None
        """The driver's."""
        self._kept: Any = None
        """SQLAlchemy's wrapper of it."""
        self._has_answered = False
        self._next_id = 0
        self._failures = 0
        self._retry_at = 0.0
        self._announced = False
        self.arrive = False
        """Whether they do arrive here. A pooler accepts LISTEN and may still swallow them all."""
        self._open()

    def wait(self, seconds: float) -> None:
        """Return once there is an event of the kinds asked for, at the latest after `seconds`."""
        until = time.monotonic() + seconds
        self._has_answered = False
        if self._connection is None and time.monotonic() >= self._retry_at:
            self._open()
        while self._connection is not None:
            try:
                if self._is_news(self._taken_ids()):
                    return
                left = until - time.monotonic()
                if left <= 0 or not self._is_readable(left):
                    return
                self._connection.poll()
            except Exception:  # noqa: BLE001 - whatever fails here, polling goes on, at once
                self._lose()
                return
        time.sleep(max(0.0, until - time.monotonic()))

    def look(self, look: Callable[[], T]) -> T:
        """Return what `look` finds in the event log, over this connection if it has just answered.

        Any other look opens a connection: this one may be dead without a sign. So does a second one
        after a look that fails here.
        """
        if not self._has_answered or self._kept is None:
            return look()
        self._has_answered = False
        try:
            with connect_event_log_by(self._storage, self._lending()):
                return look()
        except Exception:  # noqa: BLE001 - what is not the connection's fault is raised again
            self._lose()
        return look()

    def found_events(self) -> None:
        """Note that a look found events. If none was announced, notifications do not arrive."""
        self.arrive, self._announced = self.arrive and self._announced, False

    def close(self) -> None:
        """Close the connection, and open no other."""
        if self._connection is not None:
            self._connection.close()
        self._connection, self._kept, self._retry_at = None, None, float("inf")

    def _open(self) -> None:
        try:
            self._kept = within(CONNECT_SECONDS, self._listening)
            self._connection = self._kept.connection.dbapi_connection
        except Exception:  # noqa: BLE001 - drivers, poolers and token providers raise what they like
            self._lose()

    def _listening(self) -> Any:
        kept = self._storage._engine.connect()
        # SQLAlchemy would close it in a fork, too, which ends it here.
        kept.detach()
        connection = kept.connection.dbapi_connection
        connection.autocommit = True
        with connection.cursor() as cursor:
            cursor.execute("SELECT set_config('application_name', %s, false)", [APPLICATION_NAME])
            cursor.execute(f"LISTEN {CHANNEL}")
        return kept

    def _lending(self) -> Callable[[], AbstractContextManager[Any]]:
        """Return what lends the connection to this thread, and opens another for any other one."""
        open_one, kept, own_thread = self._storage._connect, self._kept, threading.get_ident()

        @contextmanager
        def lend() -> Iterator[Any]:
            if threading.get_ident() == own_thread:
                yield kept
            else:
                with open_one() as connection:
                    yield connection

        return lend

    def _lose(self) -> None:
        # Not closed here: a query that is late holds the connection's lock.
        self._connection, self._kept, self.arrive = None, None, False
        wait = doubled(FIRST_RETRY_SECONDS, LONGEST_RETRY_SECONDS, self._failures)
        self._failures += 1
        self._retry_at = time.monotonic() + random.uniform(wait / 2, wait)  # noqa: S311 - jitter

    def _is_readable(self, seconds: float) -> bool:
        with selectors.DefaultSelector() as selector:
            selector.register(self._connection, selectors.EVENT_READ)
            return bool(selector.select(seconds))

    def _taken_ids(self) -> list[int]:
        """Take the ids of the run's events from the notifications that have arrived."""
        texts = [each.payload.rpartition("_") for each in self._connection.notifies]
        self._connection.notifies.clear()
        return [int(number) for run_id, _, number in texts if run_id == self._run_id]

    def _is_news(self, ids: list[int]) -> bool:
        """Return whether one of these events, or of those since the last look, is of the kinds."""
        if not ids:
            return False
        self.arrive, self._announced, self._failures = True, True, 0
        # One notification may stand for several events, and they may come out of order.
        since = min(*ids, self._next_id)
        self._next_id = max(max(ids) + 1, self._next_id)
        is_news = within(QUERY_SECONDS, lambda: self._has_event_since(self._connection, since))
        self._has_answered = is_news
        return is_news

    def _has_event_since(self, connection: Any, since: int) -> bool:
        with connection.cursor() as cursor:
            cursor.execute(_NEWS, [self._run_id, since, self._kinds])
            return cursor.fetchone() is not None


def postgres_storage() -> Any:
    """Return the class of Dagster's PostgreSQL event log, if the instance may use it."""
    # Dagster has imported the module by then.
    module = sys.modules.get("dagster_postgres.event_log.event_log")
    return None if module is None else module.PostgresEventLogStorage


def notifications_of(
    storage: EventLogStorage, run_id: str, kinds: Sequence[DagsterEventType]
) -> RunNotifications | None:
    """Return the run's notifications, or None where the storage sends none."""
    postgres = postgres_storage()
    if postgres is None or not isinstance(storage, postgres):
        return None
    # Other drivers report notifications in other ways.
    if storage._engine.dialect.driver != "psycopg2":
        return None
    return RunNotifications(storage, run_id, kinds)
