"""The identity of a Dagster instance, which messages carry and workers compare.

Dagster's SQL storages (SQLite, PostgreSQL, MySQL) give their run storage a random id and keep it in
the table `instance_info`. It is a row of the database: upgrades, failovers and backups keep it.
Seen in Dagster 1.10 to 1.13. Other storages have none.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from dagster_taskiq.dagster_internals.shared import SqlRunStorage

if TYPE_CHECKING:
    from dagster import DagsterInstance


def instance_id(instance: DagsterInstance) -> str | None:
    """Return the id, which the first call ever makes. Raises whatever the storage raises."""
    storage = instance.run_storage
    if not isinstance(storage, SqlRunStorage):
        return None
    # Two first calls at once may make two ids; the one that was stored first is the one to keep.
    storage.get_run_storage_id()
    return storage.get_run_storage_id() or None
