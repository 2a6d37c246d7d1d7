"""Watches one step process: its limits, its kill ladder, and the time it may live."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypedDict

from dagster_taskiq.host.supervise.fork import Forked
from dagster_taskiq.host.supervise.kill_ladder import Cause, KillLadder
from dagster_taskiq.host.supervise.recorder_link import recorder_lost
from dagster_taskiq.host.supervise.usage import Usage
from dagster_taskiq.host.wire.limits import Limits
from dagster_taskiq.host.wire.outcomes import Outcome, ended_now, outcome
from dagster_taskiq.host.wire.terms import prolonged

if TYPE_CHECKING:
    from dagster_taskiq.host.wire.steering import Renewal


class Killed(TypedDict):
    """Why a process was killed, where that is known; `killed` of the frame `exited`."""

    cause: str
    message: str


EXPIRED: Killed = {
    "cause": "expired",
    "message": "the worker did not renew its term in time",
}
_OUT_OF_MEMORY: Killed = {
    "cause": "out_of_memory",
    "message": "the kernel counted an out-of-memory kill in this cgroup",
}


@dataclass(frozen=True)
class Rest:
    """What a process said when its step was over and it could run another."""

    files: Any
    """Those that it has imported itself, each with its state."""


class Guard:
    """Decides when a process must end, and with which outcome. Time is an argument."""

    def __init__(
        self, process: Forked, limits: Limits, now: float, *, settles: bool = False
    ) -> None:
        self.process = process
        self.settles = settles
        """Whether the recorder settles the claim itself, and needs no permit of the worker's."""
        self._usage = Usage(process.pid, limits, now)
        self._limits = limits
        self._ladder: KillLadder | None = None
        self._spared_until = -math.inf
        self._lives_until = math.inf
        self._expired = False
        self._refused = False
        self._canceled = False
        self._out_of_memory = False
        self._is_recorded = process.recorder is not None
        self._is_buried = False
        self._rest: Rest | None = None
        self._is_spoiled = False

    @property
    def limits(self) -> Limits:
        """What its work may use."""
        return self._limits

    @property
    def is_buried(self) -> bool:
        """Whether it is gone, and all that was below it."""
        return self._is_buried

    @property
    def is_recorded(self) -> bool:
        """Whether the recorder may still write for it."""
        return self._is_recorded

    @property
    def canceled(self) -> bool:
        """Whether it was interrupted because its run was canceled or is over."""
        return self._canceled

    @property
    def killed(self) -> Killed | None:
        """Why host or kernel ended it, if they did."""
        if self._expired:
            return EXPIRED
        if self._ladder is not None:
            return {"cause": self._ladder.cause.value, "message": self._ladder.message}
        return _OUT_OF_MEMORY if self._out_of_memory else None

    @property
    def outcome(self) -> Outcome | None:
        """The outcome of its work. `None` if it came to none; `killed` says why."""
        sent = self.process.outcome
        if self._refused and sent is not None and sent.get("kind") == "permit_refused":
            sent = None  # the host refused it, and `killed` says why
        if self._canceled and (sent is None or sent.get("kind") == "fault"):
            # A step that the end of its run interrupted is not a fault.
            return outcome("run_over", ended_now("run_over", since=self.process.born_at))
        return sent

    @property
    def rest(self) -> Rest | None:
        """What it said as its step was over, if it could run another one. It has no limits then."""
        return self._rest

    def begin_rest(self, rest: Rest, now: float) -> None:
        """Note that its step is over and that it waits for another. Its lease goes on."""
        self._rest = rest
        self.lift_limits(now)

    def spoil(self) -> None:
        """Note that it sent something though its step was over: something of the step goes on."""
        self._is_spoiled = True

    def begin_leaving(self, now: float) -> None:
        """Note that its process ends after this step, by way of its exit hooks."""
        self._usage = Usage(self.process.pid, self._limits, now)
        self._usage.ended(now)

    @property
    def may_go_on(self) -> bool:
        """Whether nothing has ended it, and nothing of its step goes on."""
        return self.killed is None and not self._is_spoiled

    @property
    def has_succeeded(self) -> bool:
        """Whether its step has."""
        outcome = self.process.outcome
        return outcome is not None and outcome.get("kind") == "success"

    def prolong(self, until: float) -> None:
        """Let it live until then; a term only grows."""
        self._lives_until = prolonged(self._lives_until, until)

    def renew(self, renewal: Renewal) -> None:
        """Let it live longer because its lease was renewed."""
        self.prolong(renewal.until)
        if self.process.recorder is not None:
            self.process.recorder.renew(renewal)

    def end(self, cause: Cause, message: str) -> None:
        """Begin the ladder, unless it has begun."""
        if self._ladder is None:
            self._ladder = KillLadder(cause, message, self._limits.grace)

    def cancel(self, *, canceled: bool) -> None:
        """Interrupt it because its run was canceled, or is over; Dagster records what comes of it.

        A step that recorded its end before its run was over keeps its time for hooks and teardown.
        """
        if canceled:
            self._canceled = True
            self.end(Cause.CANCELED, "its run was canceled")
        elif self.process.outcome is None:
            self._canceled = True
            self.end(Cause.RUN_OVER, "its run is over")

    @property
    def awaits_recorder(self) -> bool:
        """Whether it is gone, and its end is reported once the recorder writes no more for it."""
        return self._is_recorded and self._is_buried

    def bury(self) -> None:
        """Note its end, and that of all processes below it."""
        self._is_buried = True

    def be_done(self) -> None:
        """Note that the recorder writes no more for it."""
        self._is_recorded = False

    def lose_recorder(self) -> None:
        """End it at once, because nothing that it does is recorded. A recorded end stands."""
        self._is_recorded = False
        if self.process.outcome is None or self.process.outcome.get("kind") == "fault":
            self.process.end_with(recorder_lost())
        self.process.kill()

    def run_out_of_memory(self) -> None:
        """Note that the kernel killed it for want of memory."""
        self._out_of_memory = True

    def lift_limits(self, now: float) -> None:
        """Limit it no longer."""
        self._usage = Usage(self.process.pid, Limits(), now)

    def note_event(self, now: float) -> None:
        """Take an event for a sign of life."""
        self._usage.note_event(now)

    def follow(self, paths: Iterable[str], now: float) -> None:
        """Take the growth of these files for a sign of life, and limit it."""
        self._usage.captured(paths, now)

    def note_outcome(self, outcome: Outcome, now: float) -> None:
        """Keep the outcome that it sent. From the first one on its end has begun."""
        if self.process.outcome is None:
            self._usage.ended(now)
            if self._ladder is not None and self._ladder.is_pointless_after_end:
                self._ladder, self._canceled = None, False
        self.process.end_with(outcome)

    def asks(self, event: object) -> bool:
        """Note that it asks for its permit. Return False if the worker need not be asked."""
        if self._ladder is not None and self._ladder.refuses(event):
            self._refused = True
            return False
        self.process.await_answer()
        return True

    def answered(self, now: float) -> None:
        """Note that it may write its terminal event now, which takes a moment."""
        self.process.take_answer()
        self._spared_until = now + self._limits.grace

    def expire(self, now: float) -> None:
        """Kill it at once when its time is over, whatever it is doing."""
        if now >= self._lives_until:
            self._expired = True
            self._lives_until = math.inf
            self.process.kill()

    def enforce(self, now: float, catch_up: Callable[[Guard], None]) -> None:
        """Do what is due; `catch_up` takes in what the process has said by now."""
        if now < self.wakes_at():
            return
        catch_up(self)
        if self._idle(now):
            return
        if self._ladder is None and (over := self._usage.overstepped(now)) is not None:
            self.end(*over)
        if self._ladder is not None:
            self._ladder.climb(now, self.process)

    def wakes_at(self) -> float:
        """Return when to look next."""
        limits = self._usage.wakes_at() if self._ladder is None else self._ladder.due_at
        if self.process.asking:
            limits = math.inf
        return min(max(limits, self._spared_until), self._lives_until)

    def _idle(self, now: float) -> bool:
        """One that waits for its permit, or writes under it, has finished: its outcome counts."""
        return self.process.asking or now < self._spared_until


class Guards:
    """One guard for each process, by the id that the worker gave its work."""

    def __init__(self) -> None:
        self._by_id: dict[str, Guard] = {}

    def __len__(self) -> int:
        return len(self._by_id)

    def __iter__(self) -> Iterator[Guard]:
        return iter(self._by_id.values())

    def get(self, identifier: str) -> Guard | None:
        """Return the one with this id."""
        return self._by_id.get(identifier)

    def add(self, guard: Guard) -> None:
        """Watch it from now on."""
        self._by_id[guard.process.id] = guard

    def remove(self, guard: Guard) -> None:
        """Forget it, because its process is gone."""
        del self._by_id[guard.process.id]

    def runs(self) -> Iterator[str]:
        """Yield the runs that have steps here."""
        return (guard.process.step[0] for guard in self if guard.process.step is not None)

    def cancel(self, over: Mapping[str, bool], catch_up: Callable[[Guard], None]) -> None:
        """Interrupt the steps of these runs, which are over; true for those that were canceled."""
        for guard in self._living():
            if guard.process.step is not None and guard.process.step[0] in over:
                catch_up(guard)
                guard.cancel(canceled=over[guard.process.step[0]])

    def _living(self) -> list[Guard]:
        return [guard for guard in self if guard.process.status is None]
