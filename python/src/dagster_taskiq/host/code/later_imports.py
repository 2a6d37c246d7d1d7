"""Modules that steps import besides their code location, and what becomes of a process by that.

Installed packages only: they do not change under a worker. A module of the project may read at its
import what a step has made, or the day's date, so that each step's process imports it itself.
"""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from importlib import import_module
from itertools import islice
from pathlib import Path

from dagster_taskiq.host.child.process_state import ProcessState
from dagster_taskiq.host.code.changes import INSTALLED
from dagster_taskiq.host.code.left_behind import LeftBehind
from dagster_taskiq.host.wire.frames import Frame

_PACKAGES = ("site-packages", "dist-packages")


def installed_since(count: int) -> list[str]:
    """Return the installed modules imported since `sys.modules` had `count` entries.

    It reads the end only: to read all would copy the pages of a thousand modules into this fork.
    """
    added = max(0, len(sys.modules) - count)
    names = list(islice(reversed(sys.modules), added))
    return [name for name in reversed(names) if _is_installed(name)]


def _is_installed(name: str) -> bool:
    module = sys.modules.get(name)
    spec = getattr(module, "__spec__", None)
    path = getattr(module, "__file__", None)
    if getattr(spec, "name", None) != name or not isinstance(path, str):
        return False
    return path.startswith(INSTALLED) or any(part in Path(path).parts for part in _PACKAGES)


def try_imports(
    harmless: Sequence[str], names: Sequence[str], say: Callable[[Frame], None]
) -> None:
    """Import in this process, a fork that ends with it, and say of each name what it would leave.

    Ends with the first one that leaves something, because the next could not be distinguished from
    it.
    """
    _be_quiet()
    for name in harmless:
        import_module(name)
    for name in names:
        say({"type": "trying", "module": name})
        begun = time.perf_counter()
        left = list(_left_by(name))
        seconds = time.perf_counter() - begun
        say({"type": "tried", "module": name, "seconds": seconds, "left": left})
        if left:
            return


def _left_by(name: str) -> Iterator[str]:
    before, left = ProcessState.now(), LeftBehind()
    with left.building():
        try:
            import_module(name)
        except BaseException as error:  # noqa: BLE001 - an import may well call sys.exit
            yield repr(error)
    yield from left.unforkable
    yield from before.changes_until(ProcessState.now())


def _be_quiet() -> None:
    """Print nothing: the step's process has printed it, and the host will."""
    null = os.open(os.devnull, os.O_WRONLY)
    for stream in (1, 2):
        os.dup2(null, stream)
    os.close(null)
