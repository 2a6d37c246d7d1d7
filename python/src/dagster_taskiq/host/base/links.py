"""The base's end of a location host: its process, its channel, and what is assigned to it."""

from __future__ import annotations

import contextlib
import selectors
from collections.abc import Callable, Iterator
from functools import partial
from typing import TYPE_CHECKING

from dagster_taskiq.host.supervise.guard import Guard
from dagster_taskiq.host.supervise.kill_ladder import Cause
from dagster_taskiq.host.wire.channel import flush_watched
from dagster_taskiq.host.wire.errors import warn
from dagster_taskiq.host.wire.frames import Broken, Frame
from dagster_taskiq.host.wire.limits import Limits

if TYPE_CHECKING:
    from dagster_taskiq.host.base.assignments import Assignment
    from dagster_taskiq.host.base.locations import Location
    from dagster_taskiq.host.supervise.fork import Forked

# The worker waits 300 s for its first `ready`: a location that takes longer never came into use.
IMPORT_SECONDS = 240.0
_IMPORT = Limits(timeout=IMPORT_SECONDS, grace=1.0)


class Link:
    """One location host, from its fork until it is buried."""

    def __init__(self, location: Location, process: Forked, now: float) -> None:
        self.location = location
        self.guard = Guard(process, _IMPORT, now)
        self.assigned: dict[str, Assignment] = {}
        self.recorder: Forked | None = None
        """The recorder that it was connected with last."""
        self.is_ready = False
        self.is_leaving = False
        """Whether it ends with its last step: another host has its location now."""

    @property
    def process(self) -> Forked:
        """The location host itself."""
        return self.guard.process

    def imported(self, now: float) -> None:
        """Note that its import is over, and lift the limit on it."""
        self.is_ready = True
        self.guard.lift_limits(now)

    def connect(self, recorder: Forked) -> None:
        """Note which recorder it is connected with now."""
        self.recorder = recorder

    def leave(self) -> None:
        """Note that it ends with its last step."""
        self.is_leaving = True

    @property
    def overtime(self) -> str | None:
        """Why the base ended its import. `None` if it did not."""
        killed = self.guard.killed
        if killed is None or killed["cause"] != Cause.TIMED_OUT.value:
            return None
        return f"its import took longer than {IMPORT_SECONDS:g} s"

    def lost_by(self, how: Frame) -> str:
        """Say how it ended; `how` is what `exited` says of a process."""
        if (overtime := self.overtime) is not None:
            return f"code location {self.location.code.name} cannot be imported: {overtime}"
        end = f"signal {how['signal']}" if how["signal"] else f"exit code {how['code']}"
        doing = "while it was imported" if not self.is_ready else "with its steps"
        killed = self.guard.killed
        why = "" if killed is None else f": {killed['message']}"
        return f"the process of code location {self.location.code.name} ended ({end}) {doing}{why}"


class Links:
    """All links, and the selector that says when one can be read or written.

    `handle` takes in each frame that a location host sends.
    """

    def __init__(
        self, selector: selectors.BaseSelector, handle: Callable[[Link, Frame], None]
    ) -> None:
        self._selector = selector
        self._handle = handle
        self._all: list[Link] = []

    def __iter__(self) -> Iterator[Link]:
        return iter(self._all)

    def add(self, link: Link) -> None:
        """Follow what a new location host says."""
        self._all.append(link)
        react = partial(self._serve, link)
        self._selector.register(link.process.channel, selectors.EVENT_READ, react)

    def remove(self, link: Link) -> None:
        """Take in its last frames, and forget it, because its process is gone."""
        self.catch_up(link)
        with contextlib.suppress(KeyError):
            self._selector.unregister(link.process.channel)
        link.process.channel.close()
        self._all.remove(link)

    def find(self, guard: Guard) -> Link | None:
        """Return the one whose process this guard watches."""
        return next((link for link in self._all if link.guard is guard), None)

    def post(self, link: Link, frame: Frame, descriptor: int | None = None) -> None:
        """Send a frame without waiting: a location host that hangs must not stop the base."""
        with contextlib.suppress(OSError):  # it is dying, and is buried soon
            link.process.channel.post(frame, descriptor)

    def flush(self) -> None:
        """Send what is left, as far as there is room. Called at every turn of the loop."""
        for link in self._all:
            flush_watched(link.process.channel, self._selector)

    def catch_up(self, link: Link) -> None:
        """Take in what has arrived."""
        self._take_in(link, list(link.process.channel.drain()))

    def _serve(self, link: Link) -> None:
        try:
            frames = link.process.channel.receive_now()
        except (EOFError, OSError):
            # Only the kernel says that a process is dead.
            self._selector.unregister(link.process.channel)
        else:
            self._take_in(link, frames)

    def _take_in(self, link: Link, frames: list[Frame | Broken]) -> None:
        for frame in frames:
            if isinstance(frame, Broken):
                warn(f"not a frame, from a location host: {frame.line}")
                continue
            try:
                self._handle(link, frame)
            except (KeyError, TypeError, ValueError, RecursionError) as error:
                # User code that was imported there can write to this channel.
                warn(f"not a frame, from a location host: {error!r}")
