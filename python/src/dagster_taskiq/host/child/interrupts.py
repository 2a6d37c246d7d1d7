"""Holding signals back while a process writes what must not be cut in two."""

from __future__ import annotations

# Without enumerations, which would cost 0.3 ms at each event.
import _signal  # type: ignore[import-not-found]
import signal
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

# The host, which ignores them, also blocks them around the fork. So a signal that comes before the
# process has its own handlers waits for them.
HELD_SIGNALS = (signal.SIGINT, signal.SIGTERM)

_ALL = [int(number) for number in signal.valid_signals()]
_Handlers = Mapping[int, Callable[..., Any]]


@contextmanager
def interrupts_deferred() -> Iterator[None]:
    """Deliver signals that come meanwhile only at the end, whichever have a handler in Python.

    By handlers and not by a signal mask: a mask holds for one thread, and user code has others.
    """
    if threading.current_thread() is not threading.main_thread():
        yield  # Python runs handlers on the main thread only: nothing can be raised here.
        return
    came: list[int] = []
    handlers: _Handlers = {
        number: handler for number in _ALL if callable(handler := _signal.getsignal(number))
    }
    try:
        for number in handlers:
            _signal.signal(number, lambda number, _frame: came.append(number))
        yield
    finally:
        try:
            _restore(handlers)
        finally:
            _deliver(came)


def _restore(handlers: _Handlers) -> None:
    """Put all handlers back, even if one that is back is called at once, and raises."""
    left = list(handlers.items())
    raised: BaseException | None = None
    while left:
        try:
            while left:
                _signal.signal(*left[-1])
                left.pop()
        except BaseException as error:  # noqa: BLE001 - handlers raise what they like
            raised = error
    if raised is not None:
        raise raised


def _deliver(came: list[int]) -> None:
    """Handle each signal, even if a handler before it raises."""
    if not came:
        return
    try:
        signal.raise_signal(came.pop(0))
    finally:
        _deliver(came)
