"""Work that Dagster would do anew in each step process, done once in the host.

Only for speed: what a version of Dagster does not have is passed over.
"""

from __future__ import annotations

import contextlib
from importlib import import_module
from types import SimpleNamespace
from typing import Any

# Imported only while a step runs: found by comparing sys.modules at its end with the host's.
STEP_MODULES = (
    "dagster._core.definitions.repository_definition.repository_data_builder",
    "dagster._core.execution.plan.active",
    "dagster._core.system_config.composite_descent",
)


def preload() -> None:
    """Do it; before the instance is built, so that building it fills the caches."""
    for name in STEP_MODULES:
        with contextlib.suppress(ImportError):
            import_module(name)
    with contextlib.suppress(ImportError, AttributeError):
        _read_migrations_once()


def _read_migrations_once() -> None:
    """Keep the migration scripts once read; SQLite only.

    It has one event log per run, and at a process's first look into one Dagster reads all scripts
    to compare the schema's revision: 40 of a short step's 160 ms of CPU.
    """
    storage: Any = import_module("dagster._core.storage.sql")
    read = storage.ScriptDirectory.from_config
    kept: dict[str, Any] = {}

    def from_config(config: Any) -> Any:
        location = config.get_main_option("script_location")
        if location not in kept:
            kept[location] = read(config)
        return kept[location]

    storage.ScriptDirectory = SimpleNamespace(from_config=from_config)
