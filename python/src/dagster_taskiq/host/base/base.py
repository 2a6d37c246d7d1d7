"""The base: imports Dagster and no user code, takes the worker's orders, and hands them over.

Work without user code runs in its own forks. Steps run below the location host of their code.
"""

from __future__ import annotations

import math
import os
from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import partial
from itertools import chain
from typing import TYPE_CHECKING, NoReturn

from dagster_taskiq.host.base.assignments import Assignment
from dagster_taskiq.host.base.greeting import Greeting
from dagster_taskiq.host.base.hosting import Hosting
from dagster_taskiq.host.base.known_runs import KnownRuns
from dagster_taskiq.host.base.locations import Location, Locations
from dagster_taskiq.host.base.recorder_seat import RecorderSeat
from dagster_taskiq.host.child.exit_hooks import forget_hooks
from dagster_taskiq.host.location.handover import RECORDER
from dagster_taskiq.host.location.location_host import be_location_host
from dagster_taskiq.host.recorder.mode import records_for_steps
from dagster_taskiq.host.recorder.process import be_recorder
from dagster_taskiq.host.supervise.fork import Forked, fork_process
from dagster_taskiq.host.supervise.guard import EXPIRED, Guard
from dagster_taskiq.host.supervise.supervisor import Supervisor
from dagster_taskiq.host.system.boot_time import boot_time
from dagster_taskiq.host.wire.errors import error_from, warn
from dagster_taskiq.host.wire.frames import LONGEST_LINE
from dagster_taskiq.host.wire.orders import Order, ProbeOrder, RunOrder, order_from
from dagster_taskiq.host.wire.outcomes import Outcome, fault
from dagster_taskiq.host.wire.steering import Kill, Renewal, Steering, steering_from
from dagster_taskiq.host.wire.terms import term_end
from dagster_taskiq.host.work.inheritance import NOTHING, LiveWith
from dagster_taskiq.wire_fields import WireError

if TYPE_CHECKING:
    from dagster import DagsterInstance

    from dagster_taskiq.host.base.links import Link
    from dagster_taskiq.host.code.sources import RunCode
    from dagster_taskiq.host.wire.admissions import Admission
    from dagster_taskiq.host.wire.channel import Channel
    from dagster_taskiq.host.wire.frames import ErrorInfo, Frame


class Base(Supervisor):
    """Takes orders until the worker sends `stop`, or is gone.

    `ready` makes that frame from what each code location of the flags has come to.
    """

    def __init__(
        self,
        worker: Channel,
        instance: DagsterInstance,
        live_with: LiveWith,
        locations: Locations,
        ready: Callable[[Sequence[Frame]], Frame],
    ) -> None:
        super().__init__(worker, instance, live_with(NOTHING))
        self._live_with = live_with
        self._stopping = False
        self._assigned: dict[str, Assignment] = {}
        self._hosting = Hosting(self, locations, self._selector)
        self._greeting = Greeting(locations.of_flags, ready, boot_time())
        self._records = records_for_steps(instance)
        """Whether the recorder reads and writes for steps, or only looks at their runs."""
        self._recorder = RecorderSeat(self._selector, self._fork_recorder)
        self._known_runs = KnownRuns(
            self._recorder, self._located, self._over, self._stood, self._follow_recorder
        )

    def _is_done(self) -> bool:
        if not self._stopping or self._guards or self._assigned:
            return False
        return self._hosting.have_ended(boot_time())

    # The worker's frames

    def _obey(self, frame: Frame, sent_after: float) -> None:
        if frame["type"] == "stop":
            self._stopping = True
            return
        if not isinstance(frame.get("id"), str):
            warn(f"frame of type {frame['type']!r} without an id")
            return
        until = term_end(frame, sent_after)
        guard, given = self._guards.get(frame["id"]), self._assigned.get(frame["id"])
        steering = steering_from(frame, until)
        if guard is None and given is None:
            self._take(frame, until)
        elif guard is not None and steering is not None:
            self._steer(guard, steering)
        elif given is not None and steering is not None:
            self._steer_assigned(given, steering)

    def _take(self, frame: Frame, until: float) -> None:
        try:
            order = order_from(frame)
        except WireError as error:
            self._refuse(frame["id"], fault("step", error_from(error)))
            return
        if isinstance(order, RunOrder) and self._records:
            self._assign(order, order.envelope.run_id, until)
        elif isinstance(order, RunOrder | ProbeOrder) and order.needs_code_of is not None:
            self._assign(order, order.needs_code_of, until)
        elif order is not None:
            self._fork(order, until)

    def _assign(self, order: RunOrder | ProbeOrder, run_id: str, until: float) -> None:
        needs_admission = self._records and isinstance(order, RunOrder)
        given = Assignment(order, run_id, until, boot_time(), needs_admission=needs_admission)
        self._assigned[order.id] = given
        if needs_admission:
            self._known_runs.may_run(order)
        else:
            self._find_code(given)

    def _find_code(self, given: Assignment) -> None:
        if (code := self._known_runs.code_of(given.run_id)) is not None:
            self._hosting.place(given, code)

    def _steer_assigned(self, given: Assignment, steering: Steering) -> None:
        if isinstance(steering, Kill):
            given.kill()
            if given.link is None:
                self.end(given, None)
        elif isinstance(steering, Renewal):
            given.prolong(steering.until)
        if given.link is not None:
            self._hosting.links.post(given.link, steering.to_frame())

    # What the base does for the location hosts; see `Desk`

    def fork_location_host(self, location: Location) -> Forked:
        """Fork one. Raises OSError when there is no room."""
        be = partial(self._be_location_host, location, os.getpid())
        what = f"the import of code location {location.code.name}"
        return fork_process("", be, longest=LONGEST_LINE, what=what)

    def connect_recorder(self, link: Link) -> None:
        """Connect the location host with the recorder that lives now, unless it is."""
        recorder = self._recorder.process
        if recorder is not None and link.recorder is not recorder:
            link.connect(recorder)
            end = self._recorder.connect()
            self._hosting.links.post(link, {"type": RECORDER}, end.detach())

    def say(self, frame: Frame) -> None:
        """Send a frame to the worker."""
        self._upstream.post(frame)

    def relay(self, frame: Frame) -> None:
        """Check a location host's frame, and send it to the worker."""
        if (checked := self._inbox.checked(frame)) is not None:
            self.say(checked)

    def run_here(self, given: Assignment, order: Order) -> None:
        """Fork a process of the base itself for the order that is assigned no longer."""
        self._hosting.give_up(given)
        del self._assigned[given.id]
        self._known_runs.forget(given.id)
        self._fork(order, given.until, admission=given.admission)

    def end(self, given: Assignment, outcome: Outcome | None, **how: object) -> None:
        """Report the end of an assignment that has no process."""
        self._hosting.give_up(given)
        del self._assigned[given.id]
        self._known_runs.forget(given.id)
        self._refuse(given.id, outcome, **how)

    def ended(self, given: Assignment, frame: Frame) -> None:
        """Note that the process of an assignment has ended in its location host."""
        del self._assigned[given.id]
        if frame.get("canceled") and given.order.step is not None:
            self._known_runs.free_slot_of(*given.order.step)
        fields = ("type", "id", "code", "signal", "killed")
        self.say({name: frame.get(name) for name in fields})

    def _be_location_host(self, location: Location, base_pid: int, channel: Channel) -> NoReturn:
        self._let_go()
        be_location_host(
            location.code,
            self._instance,
            channel,
            base_pid,
            self._lifeline,
            self._live_with,
            imports_ahead=self._hosting.locations.imports_ahead,
        )

    # The recorder

    def _fork_recorder(self, delay: float) -> Forked:
        be = partial(self._be_recorder, delay, os.getpid())
        recorder = fork_process("", be, longest=LONGEST_LINE)
        self._reaper.spare(recorder.pid)
        return recorder

    def _be_recorder(self, delay: float, base_pid: int, channel: Channel) -> NoReturn:
        self._let_go()
        be_recorder(channel, self._instance, delay, base_pid, self._lifeline)

    def _follow_recorder(self) -> None:
        if self._records:
            self._recordings.follow(self._recorder.connect())

    def _stood(self, order_id: str, outcome: Outcome | None, admission: Admission | None) -> None:
        given = self._assigned.get(order_id)
        if given is None or given.link is not None:
            return
        if admission is None:
            self.end(given, outcome)
            return
        given.admit(admission)
        if given.order.needs_interpreter:
            self.run_here(given, given.order)
        else:
            self._find_code(given)

    def _located(self, run_id: str, code: RunCode | None, error: ErrorInfo | None) -> None:
        for given in [each for each in self._assigned.values() if each.awaits(run_id)]:
            if error is not None:
                self.end(given, fault("instance", error))
            elif code is None:
                # That process finds its run over, or reports what is wrong with it.
                self.run_here(given, given.order)
            else:
                self._hosting.place(given, code)

    def _over(self, runs: Mapping[str, bool]) -> None:
        self._guards.cancel(runs, self._catch_up)
        for given in [each for each in self._assigned.values() if each.link is None]:
            if given.run_id in runs:
                self._find_over(given)
        for link in self._hosting.links:
            if any(given.run_id in runs for given in link.assigned.values()):
                self._hosting.links.post(link, {"type": "cancel", "runs": runs})

    def _find_over(self, given: Assignment) -> None:
        """Have it said what becomes of an attempt whose run is over. That needs no code."""
        if not given.needs_admission:
            self.run_here(given, given.order)
        elif given.admission is not None:
            self._hosting.give_up(given)
            given.look_again()
            self._known_runs.may_run(given.order)

    # What the loop asks of every supervisor

    def _watched(self) -> Iterable[Guard]:
        return chain(self._guards, [link.guard for link in self._hosting.links])

    def _channels(self) -> Iterable[Channel]:
        recorder = self._recorder.process
        return chain(super()._channels(), [] if recorder is None else [recorder.channel])

    def _catch_up(self, guard: Guard) -> None:
        if (link := self._hosting.links.find(guard)) is None:
            super()._catch_up(guard)
        else:
            self._hosting.links.catch_up(link)

    def _bury(self, guard: Guard) -> None:
        if (link := self._hosting.links.find(guard)) is None:
            super()._bury(guard)
        else:
            self._hosting.lose(link)

    def _send_end(self, guard: Guard) -> None:
        super()._send_end(guard)
        if guard.canceled and guard.process.step is not None:
            self._known_runs.free_slot_of(*guard.process.step)

    def _arrange_fork(self) -> None:
        forget_hooks()

    def _end_of_other(self, pid: int) -> None:
        self._known_runs.lose(pid)

    def _wakes_at(self) -> float:
        held = min((given.wakes_at() for given in self._assigned.values()), default=math.inf)
        hosting = self._hosting.wakes_at()
        return min(held, self._greeting.wakes_at(), self._known_runs.wakes_at(), hosting)

    def _do_due(self, now: float, *, expire: bool) -> None:
        if not self._stopping:
            self._hosting.import_what_is_due(now)
        if (ready := self._greeting.due(now)) is not None:
            self.say(ready)
            self._hosting.report_changes()
        self._hosting.links.flush()
        self._recorder.flush()
        for given in [each for each in self._assigned.values() if each.link is None]:
            if expire and now >= given.until:
                self.end(given, None, killed=EXPIRED)
            elif now >= given.patient_until:
                self.end(given, given.waited_in_vain())
        runs = (given.run_id for given in self._assigned.values())
        self._known_runs.look_at(chain(self._guards.runs(), runs))
