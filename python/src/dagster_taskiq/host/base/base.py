"""The base: imports Dagster and no user code, takes the worker's orders, and hands them over.

Work without user code runs in its own forks. Steps run below the location host of their code.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import partial
from itertools import chain
from typing import TYPE_CHECKING, NoReturn

from dagster_taskiq.host.base.dispatch import Dispatch
from dagster_taskiq.host.base.greeting import Greeting
from dagster_taskiq.host.base.interpreters import Interpreters
from dagster_taskiq.host.base.locations import Location, Locations
from dagster_taskiq.host.base.recorder_seat import RecorderSeat
from dagster_taskiq.host.child.exit_hooks import forget_hooks
from dagster_taskiq.host.child.fresh_interpreter import become_interpreter
from dagster_taskiq.host.location.handover import RECORDER
from dagster_taskiq.host.location.location_host import be_location_host
from dagster_taskiq.host.recorder.mode import records_for_steps, settles_for_steps
from dagster_taskiq.host.recorder.process import be_recorder
from dagster_taskiq.host.supervise.fork import Forked, fork_process
from dagster_taskiq.host.supervise.guard import Guard
from dagster_taskiq.host.supervise.recycler import Recycling
from dagster_taskiq.host.supervise.supervisor import Supervisor
from dagster_taskiq.host.system.boot_time import boot_time
from dagster_taskiq.host.wire.errors import error_from, warn
from dagster_taskiq.host.wire.frames import LONGEST_LINE
from dagster_taskiq.host.wire.orders import Order, ProbeOrder, ReportOrder, RunOrder, order_from
from dagster_taskiq.host.wire.outcomes import Outcome, fault
from dagster_taskiq.host.wire.steering import steering_from
from dagster_taskiq.host.wire.terms import term_of_ms
from dagster_taskiq.host.work.inheritance import NOTHING, LiveWith
from dagster_taskiq.wire_fields import WireError

if TYPE_CHECKING:
    from dagster import DagsterInstance

    from dagster_taskiq.host.base.links import Link
    from dagster_taskiq.host.supervise.live import Live
    from dagster_taskiq.host.wire.admissions import Admission
    from dagster_taskiq.host.wire.channel import Channel
    from dagster_taskiq.host.wire.frames import Frame


# Of its own forks, none of which has user code that is imported.
_NO_RECYCLING = Recycling(1, lambda _: False, lambda _: False)


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
        steps_per_process: int,
    ) -> None:
        super().__init__(worker, instance, live_with(NOTHING), _NO_RECYCLING)
        self._steps_per_process = steps_per_process
        self._live_with = live_with
        self._stopping = False
        self._records = records_for_steps(instance)
        """Whether the recorder reads and writes for steps, or only looks at their runs."""
        self._settles = settles_for_steps(instance)
        self._interpreters = Interpreters(self._fork_interpreter)
        self._recorder = RecorderSeat(self._selector, self._fork_recorder)
        self._dispatch = Dispatch(self, locations, self._selector, self._recorder)
        self._hosting = self._dispatch.hosting
        self._greeting = Greeting(locations.of_flags, ready, boot_time())

    def _is_done(self) -> bool:
        if not self._stopping or self._guards or self._dispatch:
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
        guard, given = self._guards.get(frame["id"]), self._dispatch.get(frame["id"])
        if guard is None and given is None:
            self._take(frame, sent_after)
            return
        until = sent_after + term_of_ms(frame.get("within_ms"))
        if (steering := steering_from(frame, until)) is None:
            return
        if guard is not None:
            self._steer(guard, steering)
        elif given is not None:
            self._dispatch.steer(given, steering)

    def _take(self, frame: Frame, sent_after: float) -> None:
        if not self._settles and "ledger" in frame:
            frame = {**frame, "ledger": None}
        try:
            order = order_from(frame)
        except WireError as error:
            self._refuse(frame["id"], fault("step", error_from(error)))
            return
        if order is None:
            return
        until = sent_after + order.within
        if (isinstance(order, RunOrder) and self._records) or (
            isinstance(order, ReportOrder) and order.settles
        ):
            self._dispatch.assign(order, order.attempt.run_id, until, needs_admission=True)
        elif isinstance(order, RunOrder | ProbeOrder) and order.needs_code_of is not None:
            self._dispatch.assign(order, order.needs_code_of, until, needs_admission=False)
        else:
            self._fork(order, until)

    # What the base does for its assignments and location hosts; see `OwnForks` and `Desk`

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

    def fork_here(self, order: Order, until: float, admission: Admission | None) -> None:
        """Fork a process of the base itself, which may live until `until`."""
        self._fork(order, until, admission=admission)

    def report_end(self, order_id: str, outcome: Outcome | None, **how: object) -> None:
        """Report the end of an order that has no process."""
        self._refuse(order_id, outcome, **how)

    def cancel(self, runs: Mapping[str, bool]) -> None:
        """Cancel what belongs to these runs, true for those that were canceled."""
        self._cancel(runs)
        self._dispatch.cancel(runs)

    def follow_recorder(self) -> None:
        """Connect with a recorder that has just started."""
        if self._records:
            self._recordings.follow(self._recorder.connect())

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
            steps_per_process=self._steps_per_process,
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

    # Interpreters

    def _forked(
        self, order: Order, until: float, live: Live, admission: Admission | None
    ) -> Forked:
        if order.needs_interpreter:
            return self._interpreters.give(order, until, admission, self._recordings.link)
        return super()._forked(order, until, live, admission)

    def _fork_interpreter(self) -> Forked:
        interpreter = fork_process("", partial(self._be_interpreter, os.getpid()))
        self._reaper.spare(interpreter.pid)
        return interpreter

    def _be_interpreter(self, base_pid: int, channel: Channel) -> NoReturn:
        self._let_go()
        become_interpreter(channel, base_pid, self._lifeline)

    # What the loop asks of every supervisor

    def _watched(self) -> Iterable[Guard]:
        return chain(super()._watched(), [link.guard for link in self._hosting.links])

    def _channels(self) -> Iterable[Channel]:
        recorder = self._recorder.process
        others = [] if recorder is None else [recorder.channel]
        return chain(super()._channels(), others, self._interpreters.channels())

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
            self._dispatch.known_runs.free_slot_of(*guard.process.step)

    def _arrange_fork(self) -> None:
        forget_hooks()

    def _end_of_other(self, pid: int) -> None:
        self._dispatch.known_runs.lose(pid)
        self._interpreters.lose(pid)

    def _wakes_at(self) -> float:
        others = (self._greeting.wakes_at(), self._interpreters.wakes_at())
        return min(self._dispatch.wakes_at(), *others)

    def _do_due(self, now: float, *, expire: bool) -> None:
        if not self._stopping:
            self._hosting.import_what_is_due(now)
            self._interpreters.do_due(now)
        if (ready := self._greeting.due(now)) is not None:
            self.say(ready)
            self._hosting.report_changes()
        self._hosting.links.flush()
        self._recorder.flush()
        self._dispatch.end_what_waits_too_long(now, expire=expire)
        self._dispatch.look_at_runs(self._guards.runs())
