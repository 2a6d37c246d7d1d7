"""Holding SIGINT and SIGTERM back while a permit is asked for and used."""

from __future__ import annotations

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager

# Also blocked by the host around the fork, so that one that comes before the process has its own
# handlers waits for them instead of being ignored as the host ignores it.
HELD_SIGNALS = (signal.SIGINT, signal.SIGTERM)


@contextmanager
def interrupts_deferred() -> Iterator[None]:
    """Deliver signals that come meanwhile only at the end.

    By handlers and not by a signal mask: a mask holds for one thread, and user code has others.
    """
    if threading.current_thread() is not threading.main_thread():
        yield  # Python runs handlers on the main thread only: nothing can be raised here.
        return
    came: list[int] = []
    before = {number: signal.getsignal(number) for number in HELD_SIGNALS}
    for held in HELD_SIGNALS:
        signal.signal(held, lambda number, _frame: came.append(number))
    try:
        yield
    finally:
        for held, handler in before.items():
            signal.signal(held, handler)
        for number in came:
            signal.raise_signal(number)
