"""The base: imports Dagster and no user code, takes the worker's orders, and passes them on.

Work without user code runs in forks of its own; steps run below the location host of their code.
"""

from __future__ import annotations

import math
import os
from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import partial
from itertools import chain
from typing import TYPE_CHECKING, NoReturn

from dagster_taskiq.host.base.assignments import PATIENCE_SECONDS, Order
from dagster_taskiq.host.base.hosting import Hosting
from dagster_taskiq.host.base.known_runs import KnownRuns
from dagster_taskiq.host.base.locations import Is, Location, Locations
from dagster_taskiq.host.base.watcher import be_watcher
from dagster_taskiq.host.child.exit_hooks import forget_hooks
from dagster_taskiq.host.child.fresh_interpreter import wants_spawn
from dagster_taskiq.host.location.location_host import be_location_host
from dagster_taskiq.host.supervise.fork import Forked, fork_process
from dagster_taskiq.host.supervise.guard import EXPIRED, Guard
from dagster_taskiq.host.supervise.supervisor import Live, Supervisor
from dagster_taskiq.host.system.boot_time import boot_time
from dagster_taskiq.host.wire.errors import error_info, warn
from dagster_taskiq.host.wire.frames import LONGEST_LINE, WORK_KINDS, step_of
from dagster_taskiq.host.wire.outcomes import Outcome, fault
from dagster_taskiq.host.wire.terms import passed_on, term_end

if TYPE_CHECKING:
    from dagster import DagsterInstance

    from dagster_taskiq.host.code.importing import CodeLocation
    from dagster_taskiq.host.code.sources import RunCode
    from dagster_taskiq.host.wire.channel import Channel
    from dagster_taskiq.host.wire.frames import ErrorInfo, Frame

# A location that hangs at import does not keep the others from beginning.
_OTHERS_SECONDS = 10.0


class Base(Supervisor):
    """Takes orders until told to stop, or until the worker is gone.

    `ready` makes that frame from what each code location of the flags has come to.
    """

    def __init__(
        self,
        worker: Channel,
        instance: DagsterInstance,
        live: Live,
        code: Sequence[CodeLocation],
        ready: Callable[[Sequence[Frame]], Frame],
    ) -> None:
        super().__init__(worker, instance, live)
        self._ready = ready
        self._is_ready = False
        self._begun_at = boot_time()
        self._stopping = False
        self._orders: dict[str, Order] = {}
        self._hosting = Hosting(self, Locations(code), self._selector)
        self._known_runs = KnownRuns(self._fork_watcher, self._located, self._over)

    def _is_done(self) -> bool:
        if not self._stopping or self._guards or self._orders:
            return False
        return self._hosting.have_ended(boot_time())

    # The worker's frames

    def _obey(self, frame: Frame, sent_after: float) -> None:
        kind = frame["type"]
        if kind == "stop":
            self._stopping = True
        elif not isinstance(frame.get("id"), str):
            warn(f"frame of type {kind!r} without an id")
        elif (guard := self._guards.get(frame["id"])) is not None:
            self._tell(guard, frame, term_end(frame, sent_after))
        elif (order := self._orders.get(frame["id"])) is not None:
            self._tell_order(order, frame, term_end(frame, sent_after))
        elif kind in WORK_KINDS:
            self._take(frame, term_end(frame, sent_after))

    def _take(self, frame: Frame, until: float) -> None:
        run_id = _run_of_code(frame)
        if run_id is None:
            self._fork(frame, until)
            return
        order = Order(frame, run_id, until, boot_time())
        self._orders[order.id] = order
        if (code := self._known_runs.code_of(run_id)) is not None:
            self._hosting.place(order, code)

    def _tell_order(self, order: Order, frame: Frame, until: float) -> None:
        if frame["type"] == "kill":
            order.killed = True
            if order.link is None:
                self.end(order, None)
        elif frame["type"] == "renew":
            order.prolong(until)
            frame = passed_on(frame, until)
        if order.link is not None:
            self._hosting.links.post(order.link, frame)

    # What the base does for the location hosts

    def fork_location_host(self, location: Location) -> Forked:
        """Fork one. Raises OSError when there is no room."""
        be = partial(self._be_location_host, location, os.getpid())
        return fork_process("", be, longest=LONGEST_LINE)

    def say(self, frame: Frame) -> None:
        """Send a frame to the worker."""
        self._upstream.post(frame)

    def relay(self, frame: Frame) -> None:
        """See `Base` in hosting.py."""
        if (checked := self._inbox.checked(frame)) is not None:
            self.say(checked)

    def run_here(self, order: Order, **told: object) -> None:
        """Fork the order's process from the base, and tell it what its frame does not.

        `broken`: why its code is missing. `spawn`: it needs a fresh interpreter.
        """
        self._hosting.give_up(order)
        del self._orders[order.id]
        self._fork({**order.frame, **told}, order.until)

    def end(self, order: Order, told: Outcome | None, **how: object) -> None:
        """Tell the end of an order that has no process."""
        self._hosting.give_up(order)
        del self._orders[order.id]
        self._refuse(order.id, told, **how)

    def ended(self, order: Order, frame: Frame) -> None:
        """Take in that an order's process has ended in its location host."""
        del self._orders[order.id]
        step = step_of(order.frame)
        if frame.get("canceled") and step is not None:
            self._known_runs.free_slot_of(*step)
        fields = ("type", "id", "code", "signal", "killed")
        self.say({name: frame.get(name) for name in fields})

    def _be_location_host(self, location: Location, base_pid: int, channel: Channel) -> NoReturn:
        self._let_go()
        be_location_host(
            location.code, self._instance, channel, base_pid, self._lifeline, self._live
        )

    # The watcher of runs

    def _fork_watcher(self, delay: float) -> Forked:
        watcher = fork_process("", partial(self._be_watcher, delay, os.getpid()))
        self._reaper.spare(watcher.pid)
        self._watch(watcher.channel, partial(self._read_watcher, watcher))
        return watcher

    def _be_watcher(self, delay: float, base_pid: int, channel: Channel) -> NoReturn:
        self._let_go()
        be_watcher(channel, self._instance, delay, base_pid, self._lifeline)

    def _read_watcher(self, watcher: Forked) -> None:
        try:
            self._known_runs.read()
        except (EOFError, OSError):
            self._selector.unregister(watcher.channel)

    def _located(self, run_id: str, code: RunCode | None, error: ErrorInfo | None) -> None:
        for order in [each for each in self._orders.values() if each.awaits(run_id)]:
            if error is not None:
                self.end(order, fault("instance", error))
            elif code is None:
                self.run_here(order)  # which finds its run over, or says what is wrong with it
            else:
                self._hosting.place(order, code)

    def _over(self, runs: Mapping[str, bool]) -> None:
        self._guards.cancel(runs, self._catch_up)
        for order in [each for each in self._orders.values() if each.link is None]:
            if order.run_id in runs:
                self.run_here(order)  # which needs no code to find that out
        for link in self._hosting.links:
            if any(order.run_id in runs for order in link.orders.values()):
                self._hosting.links.post(link, {"type": "cancel", "runs": runs})

    # What the loop asks of every supervisor

    def _watched(self) -> Iterable[Guard]:
        return chain(self._guards, [link.guard for link in self._hosting.links])

    def _channels(self) -> Iterable[Channel]:
        watcher = self._known_runs.watcher
        return chain(super()._channels(), [] if watcher is None else [watcher.channel])

    def _catch_up(self, guard: Guard) -> None:
        if (link := self._hosting.links.find(guard)) is None:
            super()._catch_up(guard)
        else:
            self._hosting.links.catch_up(link)

    def _bury(self, guard: Guard) -> None:
        if (link := self._hosting.links.find(guard)) is None:
            super()._bury(guard)
            if guard.canceled and guard.process.step is not None:
                self._known_runs.free_slot_of(*guard.process.step)
        else:
            self._hosting.lose(link)

    def _arrange_fork(self) -> None:
        forget_hooks()

    def _end_of_other(self, pid: int) -> None:
        if (watcher := self._known_runs.lost(pid)) is not None:
            self._close_channel(watcher)

    def _wakes_at(self) -> float:
        held = min((order.wakes_at() for order in self._orders.values()), default=math.inf)
        opens_at = math.inf if self._is_ready else self._begun_at + _OTHERS_SECONDS
        return min(held, opens_at, self._known_runs.wakes_at(), self._hosting.wakes_at())

    def _do_due(self, now: float, *, expire: bool) -> None:
        if not self._stopping:
            self._hosting.import_what_is_due(now)
        self._announce(now)
        self._hosting.links.flush()
        for order in [each for each in self._orders.values() if each.link is None]:
            if expire and now >= order.until:
                self.end(order, None, killed=EXPIRED)
            elif now >= order.patient_until:
                self._lose_patience(order)
        runs = (order.run_id for order in self._orders.values())
        self._known_runs.look_at(chain(self._guards.runs(), runs))

    def _lose_patience(self, order: Order) -> None:
        waited = f"for {PATIENCE_SECONDS:g} s"
        if order.code is None:
            error = error_info(
                "NoAnswer", f"Dagster's storage has not named its run's code {waited}"
            )
            self.end(order, fault("instance", error))
        else:
            where = order.code.location or order.code.source.target
            error = error_info("StillImporting", f"it waited {waited} for code location {where}")
            self.end(order, fault("location", error))

    def _announce(self, now: float) -> None:
        """Say that steps may be sent, once the code is imported, or most of it."""
        if self._is_ready:
            return
        locations = self._hosting.locations.of_flags
        late = now >= self._begun_at + _OTHERS_SECONDS
        one_is_ready = any(each.state is Is.READY for each in locations)
        if all(each.is_settled for each in locations) or (late and one_is_ready):
            self._is_ready = True
            for each in locations:
                if not each.is_settled:
                    each.error = error_info("StillImporting", "it is still being imported")
            told = [each.told for each in locations]
            self.say(self._ready(told))
            self._hosting.tell_changes()


def _run_of_code(frame: Frame) -> str | None:
    """Return the run whose code the work needs; None where the base can do it, or it needs none."""
    if frame["type"] == "probe":
        run_id = frame.get("run_id")
        return run_id if isinstance(run_id, str) else None
    step = step_of(frame)
    return None if step is None or wants_spawn(frame) else step[0]
