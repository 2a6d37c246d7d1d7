"""Forks one process, and owns what its host knows of it until it is reaped."""

from __future__ import annotations

import contextlib
import os
import signal
import socket
import time
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, NoReturn

from dagster_taskiq.host.child.exit import flush_output, leave_now
from dagster_taskiq.host.child.interrupts import HELD_SIGNALS
from dagster_taskiq.host.child.stacks import DUMP_SIGNAL, write_heading
from dagster_taskiq.host.wire.channel import Channel
from dagster_taskiq.host.wire.errors import warn
from dagster_taskiq.host.wire.outcomes import Outcome

if TYPE_CHECKING:
    from dagster_taskiq.host.supervise.recorder_link import RecorderLink
    from dagster_taskiq.host.wire.steering import Permit

# User code can write to its process's channel. An outcome has texts of 72 KiB, and as many names as
# the step has outputs and assets; what is read in one turn keeps the other processes waiting.
_LONGEST_FROM_PROCESS = 4 * 1024 * 1024
_READ_TOGETHER = 64 * 1024


class Forked:
    """A process, leader of the group that bears its pid. Only its own methods change its state."""

    def __init__(
        self,
        identifier: str,
        pid: int,
        channel: Channel,
        *,
        step: tuple[str, str] | None = None,
        what: str = "the step",
        recorder: RecorderLink | None = None,
    ) -> None:
        self.id = identifier
        self.pid = pid
        self.channel = channel
        self.step = step
        """Run id and step key of the step that it runs. `None` means that it runs none."""
        self.recorder = recorder
        """What records the step. `None` means that its process does."""
        self.born_at = time.time()
        self._what = what
        self._questions = 0
        self._asking = False
        self._doubted = False
        self._outcome: Outcome | None = None
        self._captured: Mapping[str, str] = {}
        self._status: int | None = None

    @property
    def asking(self) -> bool:
        """Whether it waits for the answer to its question for a permit."""
        return self._asking

    @property
    def outcome(self) -> Outcome | None:
        """The last outcome that it sent. The host passes it on when the process has ended."""
        return self._outcome

    @property
    def captured(self) -> Mapping[str, str]:
        """The files that its stdout and stderr go to. It named them, and the host checked them."""
        return self._captured

    @property
    def status(self) -> int | None:
        """Its wait status, once it is reaped."""
        return self._status

    def ask(self) -> int:
        """Note that it asks for a permit; return how often it has asked."""
        self._questions += 1
        return self._questions

    def await_answer(self) -> None:
        """Note that its question went to the worker."""
        self._asking = True

    def take_answer(self) -> None:
        """Note that the worker has answered."""
        self._asking = False

    def answer(self, permit: Permit) -> None:
        """Pass on the answer to the question for a permit."""
        if self.recorder is not None:
            self.recorder.answer(permit)
            return
        with contextlib.suppress(OSError):
            self.channel.send(permit.to_frame())

    def doubt(self) -> bool:
        """Note that a frame of it was wrong; return whether it is the first."""
        first, self._doubted = not self._doubted, True
        return first

    def end_with(self, outcome: Outcome) -> None:
        """Note the outcome that it sent."""
        self._outcome = outcome

    def capture_into(self, paths: Mapping[str, str]) -> None:
        """Note the files that its output goes to."""
        self._captured = paths

    def exit_with(self, status: int) -> None:
        """Note its wait status."""
        self._status = status

    def again(
        self,
        identifier: str,
        step: tuple[str, str] | None = None,
        recorder: RecorderLink | None = None,
    ) -> Forked:
        """Return the same process as that of another step, or of none."""
        what = "the step" if step is not None else "a process that has run its steps"
        return Forked(identifier, self.pid, self.channel, step=step, what=what, recorder=recorder)

    @property
    def name(self) -> str:
        """Its name in a log."""
        return "no step" if self.step is None else f"run {self.step[0]}, step {self.step[1]}"

    def signal_group(self, number: int) -> None:
        """Signal the whole group; only until the leader is reaped, whose pid is the group's."""
        if self._status is None:
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.killpg(self.pid, number)

    def interrupt(self) -> None:
        """Send SIGINT as Dagster does, to the step alone: its own code ends what is below it."""
        self._signal_leader(signal.SIGINT)

    def kill(self) -> None:
        """SIGKILL to the group."""
        self.signal_group(signal.SIGKILL)

    def dump_stacks(self, why: str) -> None:
        """Have it write the stack of every thread to its stderr, wherever that goes."""
        if (path := self._captured.get("stderr")) is not None:
            write_heading(path, f"taskiq ends {self._what}: {why}; it is doing this:\n")
        # Hooks are captured. Teardown, threads and exit hooks are not, so their stacks come here.
        if path is None or self._outcome is not None:
            step = "" if self.step is None else f" ({self.step[1]} of run {self.step[0]})"
            where = "its stacks, unless its stderr log has them:"
            warn(f"taskiq ends {self._what}{step}: {why}; {where}")
        self._signal_leader(DUMP_SIGNAL)

    def _signal_leader(self, number: int) -> None:
        if self._status is None:
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.kill(self.pid, number)


def fork_process(
    identifier: str,
    live: Callable[[Channel], NoReturn],
    *,
    longest: int = _LONGEST_FROM_PROCESS,
    step: tuple[str, str] | None = None,
    what: str = "the step",
    recorder: RecorderLink | None = None,
) -> Forked:
    """Fork; `live` runs in the child and never returns. Raises OSError when there is no room."""
    ours, theirs = socket.socketpair()
    flush_output()  # or both processes would write what is buffered
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {*HELD_SIGNALS, DUMP_SIGNAL})
    try:
        pid = os.fork()
        if pid == 0:
            try:
                ours.close()
                live(Channel(theirs))
            finally:
                leave_now(1)
    except OSError:
        ours.close()
        raise
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)
        theirs.close()
    # Both sides do this, so that the group exists whichever runs first.
    with contextlib.suppress(OSError):
        os.setpgid(pid, pid)
    channel = Channel(ours, longest=longest, chunk=_READ_TOGETHER)
    return Forked(identifier, pid, channel, step=step, what=what, recorder=recorder)
