"""Does once in the host what Dagster would do again in each step process.

This is only for speed, so names that a version of Dagster lacks are skipped.
"""

from __future__ import annotations

import contextlib
from importlib import import_module

from dagster_taskiq.dagster_internals.host import MODULES_OF_A_STEP
from dagster_taskiq.dagster_internals.patches import read_migrations_once


def preload() -> None:
    """Do it before the instance is built, so that building the instance fills the caches."""
    for name in MODULES_OF_A_STEP:
        with contextlib.suppress(ImportError):
            import_module(name)
    with contextlib.suppress(ImportError, AttributeError):
        read_migrations_once()
