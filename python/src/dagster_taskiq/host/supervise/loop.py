"""The loop of every host: one thread, which waits on nothing but the selector."""

from __future__ import annotations

import contextlib
import math
import selectors
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable

from dagster_taskiq.host.supervise.child_exits import ChildExits
from dagster_taskiq.host.supervise.guard import Guard
from dagster_taskiq.host.supervise.reaper import Reaper
from dagster_taskiq.host.system.boot_time import boot_time
from dagster_taskiq.host.wire.channel import Channel
from dagster_taskiq.host.wire.errors import warn
from dagster_taskiq.host.wire.frames import Broken, Frame

# The selector's clock stands still while the machine sleeps, and the terms' clock does not. What a
# frame says of a term counts from the last look, for the host may have been frozen since.
_LONGEST_WAIT = 1.0


class Loop(ABC):
    """Reads `upstream`, enforces limits and reaps processes, until it is done or upstream is gone.

    Times are boot time.
    """

    def __init__(self, upstream: Channel) -> None:
        self._upstream = upstream
        self._selector = selectors.DefaultSelector()
        self._reaper = Reaper()
        self._silent_at = boot_time()
        """The last time that nothing from upstream waited. What is read next was sent later."""
        self._watch(upstream, self._read_upstream)
        self._watch(self._reaper.exits, self._reap)

    def serve(self) -> None:
        """Work until there is no more to do, or until upstream is gone."""
        try:
            while not self._is_done():
                self._turn()
            self._upstream.finish()
        except (EOFError, OSError) as error:
            warn(f"the worker is gone ({error!r}); killing what is left of its steps")
        finally:
            self._reaper.kill_everything(self._watched())

    # What a turn asks for

    @abstractmethod
    def _is_done(self) -> bool:
        """Return whether this host may end."""

    @abstractmethod
    def _obey(self, frame: Frame, sent_after: float) -> None:
        """Do what a frame from upstream says."""

    @abstractmethod
    def _watched(self) -> Iterable[Guard]:
        """Yield the guards of all children that are not orphans."""

    @abstractmethod
    def _catch_up(self, guard: Guard) -> None:
        """Take in what a child, or the recorder, has said by now."""

    @abstractmethod
    def _bury(self, guard: Guard) -> None:
        """Take in the end of a child that is reaped."""

    @abstractmethod
    def _end_of_other(self, pid: int) -> None:
        """Take in the end of a reaped child that is not watched."""

    @abstractmethod
    def _flush(self) -> None:
        """Send what is left for the recorder, as far as there is room."""

    def _wakes_at(self) -> float:
        """Return when `_do_due` has something to do."""
        return math.inf

    @abstractmethod
    def _do_due(self, now: float, *, expire: bool) -> None:
        """Do what is due besides limits; terms are looked at only if `expire`."""

    # A turn

    def _turn(self) -> None:
        # A worker that stands still reads nothing, and every limit would wait for it.
        events = selectors.EVENT_READ | (selectors.EVENT_WRITE if self._upstream.unsent else 0)
        self._selector.modify(self._upstream, events, self._read_upstream)
        self._flush()
        # Stopped while it waits (SIGSTOP), and for longer, the first finds nothing ready.
        selected = self._selector.select(self._patience()) or self._selector.select(0)
        self._upstream.flush()
        ready = [key for key, mask in selected if mask & selectors.EVENT_READ]
        if not (spoken := any(key.fileobj is self._upstream for key in ready)):
            self._silent_at = boot_time()
        for key in ready:
            # One before it in this turn may have buried its process, whose channel is closed then.
            if self._selector.get_map().get(key.fd) is key:
                key.data()
        now = boot_time()
        self._reaper.look(now)
        if now >= self._reaper.wakes_at():
            self._reap()
        # Late in reading, the host would kill what was prolonged in time.
        for guard in [each for each in self._watched() if each.process.status is None]:
            if not spoken:
                guard.expire(now)
            guard.enforce(now, self._catch_up)
        self._do_due(now, expire=not spoken)

    def _patience(self) -> float:
        wakes = [guard.wakes_at() for guard in self._watched() if guard.process.status is None]
        wakes_at = min(*wakes, self._reaper.wakes_at(), self._wakes_at(), math.inf)
        return min(_LONGEST_WAIT, max(0.0, wakes_at - boot_time()))

    def _read_upstream(self) -> None:
        sent_after, self._silent_at = self._silent_at, boot_time()
        for frame in self._upstream.receive():
            if isinstance(frame, Broken):
                warn(f"not a frame: {frame.line}")
            else:
                self._obey(frame, sent_after)

    def _reap(self) -> None:
        for guard in self._reaper.reap(self._watched(), others=self._end_of_other):
            self._bury(guard)

    # What is selected

    def _watch(self, source: Channel | ChildExits, react: Callable[[], None]) -> None:
        self._selector.register(source, selectors.EVENT_READ, react)

    def _close_channel(self, channel: Channel) -> None:
        with contextlib.suppress(KeyError):
            self._selector.unregister(channel)
        channel.close()
