"""The files of the code as it was imported, to notice that they are not the same any more.

A fork has what the host imported. What a step imports besides comes from the disk: after a change
it would run half the old code and half the new.
"""

from __future__ import annotations

import os
import sys
import sysconfig
import time
from pathlib import Path

# Packages are replaced with their whole environment, under a worker that is stopped.
_INSTALLED = tuple(
    sysconfig.get_path(name) + os.sep for name in ("stdlib", "platstdlib", "purelib", "platlib")
)
_LOOK_SECONDS = 1.0

_State = tuple[int, int] | None


class CodeFiles:
    """The Python files that were imported and are not installed ones."""

    def __init__(self) -> None:
        self._known: dict[str, _State] = {}
        self._changed: str | None = None
        self._looks_at = 0.0

    def note_imported(self) -> None:
        """Remember what has been imported since the last call, as it is now."""
        for module in list(sys.modules.values()):
            path = getattr(module, "__file__", None)
            if isinstance(path, str) and not path.startswith(_INSTALLED):
                self._known.setdefault(path, _state(path))

    def changed(self) -> str | None:
        """Return a file that has changed since; looks at most once a second."""
        now = time.monotonic()
        if self._changed is None and now >= self._looks_at:
            self._looks_at = now + _LOOK_SECONDS
            known = self._known.items()
            self._changed = next((path for path, state in known if _state(path) != state), None)
        return self._changed


def _state(path: str) -> _State:
    try:
        status = Path(path).stat()
    except OSError:
        return None
    return status.st_mtime_ns, status.st_size
