"""Stack dumps from outside, by a signal on which Python writes the stack of every thread to stderr.

It uses faulthandler, which is in C. It needs neither the interpreter's lock nor its main loop, and
so works while a step hangs in a C call.
"""

from __future__ import annotations

import contextlib
import faulthandler
import os
import signal
import stat

# By convention, programs use SIGUSR1 and SIGQUIT, but not real-time signals. macOS has none.
DUMP_SIGNAL = int(getattr(signal, "SIGRTMAX", signal.SIGUSR2))

_STDERR = 2


def dump_on_signal() -> None:
    """In the child: register the signal, which was blocked at the fork and would kill otherwise."""
    # By number: Dagster points it at the compute log while the step runs.
    faulthandler.register(DUMP_SIGNAL, file=_STDERR, all_threads=True)
    signal.pthread_sigmask(signal.SIG_UNBLOCK, {DUMP_SIGNAL})


def write_heading(path: str, text: str) -> None:
    """Write in the step's own log why its stacks follow. Only a regular file is written to."""
    # User code chose the path, so the file is not created, no link is followed, and nothing waits.
    flags = os.O_WRONLY | os.O_APPEND | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
    # ValueError: a NUL, or half of a surrogate pair, which no path has.
    with contextlib.suppress(OSError, ValueError):
        descriptor = os.open(path, flags)
        try:
            if stat.S_ISREG(os.fstat(descriptor).st_mode):
                os.write(descriptor, text.encode(errors="replace"))
        finally:
            os.close(descriptor)
