"""Modules that Dagster imports only while it runs a step: imported in the host, each fork has them.

Found by comparing sys.modules at a step process's end with the host's. A name that a version of
Dagster does not have is skipped: preloading is only for speed.
"""

from __future__ import annotations

import contextlib
from importlib import import_module

STEP_MODULES: tuple[str, ...] = ()


def preload() -> None:
    """Import them all."""
    for name in STEP_MODULES:
        with contextlib.suppress(ImportError):
            import_module(name)
