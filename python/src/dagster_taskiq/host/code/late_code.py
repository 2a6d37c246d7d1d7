"""Files of the project that a step's process has imported itself.

A fork of the location host imports them as they are on the disk. A process that runs a further step
has them as they were, so they must not have changed.
"""

from __future__ import annotations

import sys
from collections.abc import Mapping
from itertools import islice
from typing import Any

from dagster_taskiq.host.code.changes import INSTALLED, state_of

# They travel in one frame, and are looked at before each step.
_MOST = 200


def files_imported_since(count: int, since: float) -> Mapping[str, list[object]] | None:
    """Return the files of modules imported since `sys.modules` had `count` entries.

    `None`: one of them has changed since the time `since`, is gone, or there are too many.
    """
    added = max(0, len(sys.modules) - count)
    files: dict[str, list[object]] = {}
    for name in list(islice(reversed(sys.modules), added)):
        path = getattr(sys.modules.get(name), "__file__", None)
        if not isinstance(path, str) or path.startswith(INSTALLED):
            continue
        state = state_of(path)
        if state is None or state[0] >= since * 1e9:  # type: ignore[operator]
            return None
        files[path] = list(state)
    return files if len(files) <= _MOST else None


def are_unchanged(files: Any) -> bool:
    """Return whether all are as the process has imported them. A process says what they were."""
    return isinstance(files, dict) and all(
        isinstance(path, str) and list(state_of(path) or ()) == state
        for path, state in files.items()
    )
