"""The files of the code as it was imported, to notice when they change.

A fork has what the host imported. A step's own imports come from the disk, so after a change it
would run half the old code and half the new. Definitions are also made from files that are not
Python. So every file that the code read below its project while it was imported counts as code.
"""

from __future__ import annotations

import os
import sys
import sysconfig
import time
from collections.abc import Iterator
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from types import ModuleType

    from dagster_taskiq.host.code.import_watch import ImportWatch

# Packages are replaced with their whole environment, under a worker that is stopped.
INSTALLED = tuple(
    sysconfig.get_path(name) + os.sep for name in ("stdlib", "platstdlib", "purelib", "platlib")
)
_NEVER_CODE = ("/proc/", "/sys/", "/dev/")
_PROJECT_FILES = ("pyproject.toml", "setup.py", "dg.toml")
# What definitions are made from, where a directory is searched for it; steps write other files.
_DEFINING = (".py", ".yaml", ".yml", ".toml", ".json", ".sql", ".ipynb")
_LOOK_SECONDS = 1.0

_State = tuple[object, ...] | None


class CodeFiles:
    """The files that are not installed ones, and the directories that were searched for some."""

    def __init__(self) -> None:
        self._known: dict[str, _State] = {}
        self._changed: str | None = None
        self._looks_at = 0.0

    def note_imported(self, watch: ImportWatch | None = None) -> None:
        """Remember what has been imported since the last call, and what was read, as it is now."""
        modules = list(_own_modules())
        paths = [path for _, path in modules]
        if watch is not None:
            roots = {_project_of(root) for root in _roots(modules)}
            below = tuple(root.rstrip(os.sep) + os.sep for root in roots if root != os.sep)
            read = (watch.read | watch.listed) - watch.made
            paths += [
                path for path in read if _may_be_code(path) and (path + os.sep).startswith(below)
            ]
        for path in paths:
            self._known.setdefault(path, state_of(path))

    def changed(self) -> str | None:
        """Return a file that has changed since; looks at most once a second."""
        now = time.monotonic()
        if self._changed is None and now >= self._looks_at:
            self._looks_at = now + _LOOK_SECONDS
            known = self._known.items()
            self._changed = next((path for path, state in known if state_of(path) != state), None)
        return self._changed


def _own_modules() -> Iterator[tuple[ModuleType, str]]:
    for module in list(sys.modules.values()):
        path = getattr(module, "__file__", None)
        if isinstance(path, str) and not path.startswith(INSTALLED):
            yield module, path


def _roots(modules: list[tuple[ModuleType, str]]) -> Iterator[str]:
    """Yield the directories that the code lies in: the working one, and those of its packages."""
    yield str(Path.cwd())
    for module, path in modules:
        package = getattr(module, "__package__", None) or ""
        depth = len(package.split(".")) if package else 0
        parents = Path(path).absolute().parents
        yield str(parents[min(depth, len(parents) - 1)])


@lru_cache(maxsize=256)
def _project_of(directory: str) -> str:
    """Return the nearest directory from here upwards that is a project's; else the directory."""
    for each in (Path(directory), *Path(directory).parents):
        if any((each / name).exists() for name in _PROJECT_FILES):
            return str(each)
    return directory


def _may_be_code(path: str) -> bool:
    if path.startswith((*INSTALLED, *_NEVER_CODE)):
        return False
    parts = Path(path).parts
    return not ("site-packages" in parts or "__pycache__" in parts or ".git" in parts)


def state_of(path: str) -> _State:
    """Return what changes with the file, or with what a directory holds; `None` for neither."""
    try:
        status = os.stat(path)  # noqa: PTH116 - of thousands of files, once a second
        if not os.path.isdir(path):  # noqa: PTH112
            return status.st_mtime_ns, status.st_size
        with os.scandir(path) as entries:
            return tuple(sorted(entry.name for entry in entries if _defines(entry)))
    except (OSError, ValueError):  # ValueError: a NUL, or half of a surrogate pair
        return None


def _defines(entry: os.DirEntry[str]) -> bool:
    if entry.name.startswith((".", "__pycache__")):
        return False
    return entry.name.endswith(_DEFINING) or entry.is_dir()
