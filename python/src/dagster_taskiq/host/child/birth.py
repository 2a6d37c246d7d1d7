"""What a fresh fork does to itself before it touches the step: it sheds what is the host's."""

from __future__ import annotations

import io
import os
import signal
import sys
from typing import TYPE_CHECKING

from dagster_taskiq.host.child.rlimits import lower_limits
from dagster_taskiq.host.child.stacks import dump_on_signal
from dagster_taskiq.host.system import linux

if TYPE_CHECKING:
    from dagster_taskiq.host.child.lifeline import Lifeline
    from dagster_taskiq.host.wire.limits import Limits

# High enough for the kernel to choose it before the host and the worker, on which all steps depend.
_OOM_SCORE = 500


def become_step_process(host_pid: int, lifeline: Lifeline, limits: Limits) -> None:
    """Give the process its own group, signals, limits, and an end no later than the host's."""
    become_child(host_pid, lifeline)
    dump_on_signal()
    linux.adopt_orphans()
    linux.raise_oom_score(_OOM_SCORE)
    lower_limits(limits)
    _reset_signals()
    _write_lines_at_once()


def become_child(host_pid: int, lifeline: Lifeline) -> None:
    """Do what every process that is forked from the host needs, whatever its work."""
    os.setpgid(0, 0)
    _end_with(host_pid, lifeline)


def _end_with(host_pid: int, lifeline: Lifeline) -> None:
    if linux.die_with_parent(signal.SIGKILL):
        lifeline.drop()
    else:
        lifeline.watch()
    if os.getppid() != host_pid:
        # The host ended between the fork and the line above, so no frame can report this process.
        os._exit(1)


def _reset_signals() -> None:
    signal.signal(signal.SIGINT, signal.default_int_handler)
    for number in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.SIG_DFL)


def _write_lines_at_once() -> None:
    # Into a pipe Python buffers 8 KiB, which a killed step would take with it.
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(line_buffering=True)
