"""What code does to files while it is imported.

Files that it reads are part of the code, because definitions are made from them. Files that it
makes stay. Every step of the location was forked after they were made, and a step's end must not
remove them.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

_WRITING = os.O_WRONLY | os.O_RDWR
# The import machinery lists every directory of sys.path, which says nothing about the definitions.
_IMPORT_MACHINERY = "<frozen importlib._bootstrap_external>"


class ImportWatch:
    """Absolute paths, as the code named them; collected in `watching`."""

    def __init__(self) -> None:
        self.read: set[str] = set()
        """Files that were opened to be read. A file that was looked for in vain is among them."""
        self.listed: set[str] = set()
        """Directories whose entries were listed."""
        self.made: set[str] = set()
        """Files and directories that were made, or opened to be written."""

    @contextmanager
    def watching(self) -> Iterator[None]:
        """Collect what happens inside. In this process only one watch at a time does."""
        global _current  # audit hooks are of the process, and cannot be taken back
        _install()
        before, _current = _current, self
        try:
            yield
        finally:
            _current = before


_current: ImportWatch | None = None
_installed = False


def _install() -> None:
    global _installed
    if not _installed:
        _installed = True
        sys.addaudithook(_note)


def _note(event: str, args: tuple[Any, ...]) -> None:
    watch = _current
    if watch is None or (note := _NOTES.get(event)) is None or not args:
        return
    try:
        path = os.path.abspath(os.fsdecode(args[0]))  # noqa: PTH100 - no object for each event
    except (TypeError, ValueError, OSError):  # a descriptor, or no working directory
        return
    note(watch, path, args)


def _note_open(watch: ImportWatch, path: str, args: tuple[Any, ...]) -> None:
    flags = args[2] if len(args) > 2 and isinstance(args[2], int) else 0
    (watch.made if flags & _WRITING else watch.read).add(path)


def _note_listed(watch: ImportWatch, path: str, _args: tuple[Any, ...]) -> None:
    if sys._getframe(2).f_code.co_filename != _IMPORT_MACHINERY:
        watch.listed.add(path)


def _note_made(watch: ImportWatch, path: str, _args: tuple[Any, ...]) -> None:
    watch.made.add(path)


_NOTES: Mapping[str, Callable[[ImportWatch, str, tuple[Any, ...]], None]] = {
    "open": _note_open,
    "os.listdir": _note_listed,
    "os.scandir": _note_listed,
    "os.mkdir": _note_made,
    "tempfile.mkdtemp": _note_made,
    "tempfile.mkstemp": _note_made,
}
