"""What code can change in its process besides its own objects."""

from __future__ import annotations

# Without enumerations, which would cost 0.2 ms at each look.
import _signal  # type: ignore[import-not-found]
import os
import signal
from collections.abc import Mapping
from dataclasses import dataclass

_ALL = [int(number) for number in signal.valid_signals()]


@dataclass(frozen=True)
class ProcessState:
    """The state of the process at one moment, to compare with a later one."""

    directory: str | None
    umask: int
    handlers: Mapping[int, object]
    variables: Mapping[str, str]

    @staticmethod
    def now() -> ProcessState:
        """Look. Sets the umask for a moment, because there is no other way to read it."""
        umask = os.umask(0o077)
        os.umask(umask)
        handlers = {number: _signal.getsignal(number) for number in _ALL}
        return ProcessState(_directory(), umask, handlers, dict(os.environ))

    def changes_until(self, later: ProcessState, *, variables: bool = True) -> list[str]:
        """Return what is different there, in words for an operator."""
        found = []
        if later.directory != self.directory:
            found.append("another working directory")
        if later.umask != self.umask:
            found.append("another umask")
        found += [
            f"a handler of {signal.Signals(number).name}"
            for number, handler in later.handlers.items()
            if handler != self.handlers[number]
        ]
        if not variables:
            return found
        differ = self.variables.items() ^ later.variables.items()
        return [*found, *sorted({f"variable {name}" for name, _ in differ})]


def _directory() -> str | None:
    try:
        return os.getcwd()  # noqa: PTH109 - Path.cwd() is the same, and an object more
    except OSError:
        return None
