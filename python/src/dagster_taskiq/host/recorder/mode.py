"""Whether the recorder writes the events of steps."""

from __future__ import annotations

from typing import TYPE_CHECKING

from dagster_taskiq.dagster_internals.recorder import engine_of, kind_of_storage, storages_of

if TYPE_CHECKING:
    from dagster import DagsterInstance


def records_for_steps(instance: DagsterInstance) -> bool:
    """Return whether it does, which is so on PostgreSQL and SQLite with Dagster's own classes.

    With any other storage each step process writes its events itself. Touches no database.
    """
    kind = kind_of_storage(instance)
    if kind == "postgres":
        engines = [engine_of(storage) for storage in storages_of(instance)]
        # Other drivers cannot send several statements in one message.
        return all(engine.dialect.driver == "psycopg2" for engine in engines)
    return kind == "sqlite"


def settles_for_steps(instance: DagsterInstance) -> bool:
    """Return whether the recorder can settle rows of a ledger in the database of the events."""
    return records_for_steps(instance) and kind_of_storage(instance) == "postgres"
