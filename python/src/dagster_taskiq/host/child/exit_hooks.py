"""The end of a forked process: what Python does at the end of one, and nothing of its parent's.

Hooks that code registered when it was imported run at the end of each step, as they would in a
process that had imported it itself. An exporter, for example, has the step's spans to send. Files
that were made at import stay, because the location's other steps have them too. They are removed
with the location's host.
"""

from __future__ import annotations

import atexit
import contextlib
import gc
import io
import logging
import os
import shutil
import sys
import tempfile
import threading
import weakref
from collections.abc import Callable, Iterable
from typing import Any

# Registered as they are, with a path, they remove what was made at import.
_REMOVALS: tuple[Callable[..., object], ...] = (
    shutil.rmtree,
    os.remove,
    os.unlink,
    os.rmdir,
    os.removedirs,
)
_REMOVAL_EVENTS = frozenset({"shutil.rmtree", "os.remove", "os.rmdir"})


def forget_hooks() -> None:
    """In a fork that has not run user code yet: what is registered is the parent's.

    What Python and its library do at every end is registered again.
    """
    atexit._clear()
    for finalizer in list(weakref.finalize._registry):  # type: ignore[attr-defined]
        finalizer.detach()
    weakref.finalize._registered_with_atexit = False  # type: ignore[attr-defined]
    atexit.register(logging.shutdown)
    _forget_children()
    if (util := _multiprocessing_util()) is not None:
        atexit.register(util._exit_function)


def spare_what_was_made(made: Iterable[str], opened: Iterable[Any]) -> None:
    """In a fork that is to run a step: leave to the host what the code made when it was imported.

    `made` are the paths of files and directories, `opened` the files that it has not closed.
    """
    for finalizer in list(weakref.finalize._registry):  # type: ignore[attr-defined]
        details = finalizer.peek()
        if details is not None and _is_of_directory(details[1]):
            finalizer.detach()
    for removal in _REMOVALS:
        atexit.unregister(removal)
    _forget_children()
    _spared.update(made)
    _opened.extend(opened)


def run_exit_hooks() -> None:
    """Wait for threads, run exit hooks and finalizers, write out what is buffered.

    Never raises: the outcome is known by now, and stands. It may take as long as the hooks do.
    """
    if _spared:
        sys.addaudithook(_refuse_removal)
    for act in (threading._shutdown, atexit._run_exitfuncs, _close_files):  # type: ignore[attr-defined]
        try:
            act()
        except BaseException as error:  # noqa: BLE001 - see above
            with contextlib.suppress(Exception):
                sys.stderr.write(f"taskiq: an exit hook failed: {error!r}\n")


_spared: set[str] = set()
_opened: list[Any] = []


def _refuse_removal(event: str, args: tuple[Any, ...]) -> None:
    if event not in _REMOVAL_EVENTS:
        return
    try:
        path = os.path.abspath(os.fsdecode(args[0]))  # noqa: PTH100 - an audit hook is called often
    except (TypeError, ValueError, OSError):
        return
    if path in _spared:
        raise PermissionError(
            f"{path} was made when the code was imported: other steps have it too"
        )


def _forget_children() -> None:
    """Forget processes, finalizers and locks of multiprocessing, as its own forks do."""
    if (util := _multiprocessing_util()) is not None:
        util._finalizer_registry.clear()
        util._run_after_forkers()
    if (process := sys.modules.get("multiprocessing.process")) is not None:
        process._children.clear()


def _multiprocessing_util() -> Any:
    return sys.modules.get("multiprocessing.util")


def _is_of_directory(function: Any) -> bool:
    of_class: Any = tempfile.TemporaryDirectory._cleanup  # type: ignore[attr-defined]
    return getattr(function, "__func__", None) is of_class.__func__


def _close_files() -> None:
    """Write out files that were left open; remove temporary ones that the step still holds.

    Python does both when it clears the modules at its end.
    """
    # What was opened before the host froze its objects is not among those of the collector.
    for each in [*gc.get_objects(), *_opened]:
        kind = type(each)
        if kind is tempfile._TemporaryFileWrapper:
            with contextlib.suppress(Exception):
                each.close()
        elif issubclass(kind, (io.TextIOWrapper, io.BufferedWriter, io.BufferedRandom)):
            with contextlib.suppress(Exception):
                each.flush()
