"""What the base knows of runs, and what it asks the recorder. Times are boot time."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping
from typing import TYPE_CHECKING

from dagster_taskiq.backoff import doubled
from dagster_taskiq.host.base.recorder_seat import LONGEST_DELAY
from dagster_taskiq.host.code.sources import RunCode
from dagster_taskiq.host.system.boot_time import boot_time
from dagster_taskiq.host.wire.admissions import Admission
from dagster_taskiq.host.wire.frames import ErrorInfo, Frame
from dagster_taskiq.host.wire.orders import ReportOrder
from dagster_taskiq.recently_used import RecentlyUsed

if TYPE_CHECKING:
    from dagster_taskiq.host.base.recorder_seat import RecorderSeat
    from dagster_taskiq.host.wire.orders import Order
    from dagster_taskiq.host.wire.outcomes import Outcome

# A cancellation reaches its steps within this time, at the price of one query per host and turn.
LOOK_SECONDS = 2.0
# A run's code and plan never change; what is forgotten is looked up again.
_MOST_KNOWN = 10_000
# Of the plans and run configs that are kept.
_MOST_BYTES = 64 * 1024 * 1024


class KnownRuns:
    """What the base knows of runs with steps here, and the recorder, which looks.

    - `located` gets each run that was to be located, with its code. The code is None for a run that
      is unknown or over, and for one that the recorder could not read. Then there is an error.
    - `over` gets the runs that are over, true for those that were canceled.
    - `stood` gets each attempt that was asked about or reported, with the leave to run it or with
      its outcome.
    - `started` is called when there is another recorder.
    """

    def __init__(
        self,
        seat: RecorderSeat,
        located: Callable[[str, RunCode | None, ErrorInfo | None], None],
        over: Callable[[Mapping[str, bool]], None],
        stood: Callable[[str, Outcome | None, Admission | None], None],
        started: Callable[[], None],
    ) -> None:
        self._seat = seat
        self._seat.hand_frames_to(self._handle)
        self._located = located
        self._over = over
        self._stood = stood
        self._started = started
        self._attempts: dict[str, Frame] = {}
        """The questions about attempts that are not answered."""
        self._asked = False
        self._runs: list[str] = []
        self._ended: list[tuple[str, str]] = []
        self._unknown: dict[str, None] = {}
        self._known = RecentlyUsed[str, RunCode](
            _MOST_KNOWN, most_weight=_MOST_BYTES, weight=_bytes_of
        )
        self._looks_at = 0.0
        self._failures = 0

    def code_of(self, run_id: str) -> RunCode | None:
        """Return where the run's code is. `None` means that the recorder is asked first."""
        if (code := self._known.get(run_id)) is not None:
            return code
        self._unknown[run_id] = None
        self.serve()
        return None

    def ask_about(self, order: Order) -> None:
        """Have the recorder find out whether the attempt may run, or end the one of a report."""
        kind = "report" if isinstance(order, ReportOrder) else "stand"
        question = {"type": kind, "id": order.id, "order": order.as_sent}
        self._attempts[order.id] = question
        if self._seat.process is None:
            self.serve()
        else:
            self._seat.post(question)

    def forget(self, order_id: str) -> None:
        """Do not ask the next recorder about this attempt."""
        self._attempts.pop(order_id, None)

    def look_at(self, run_ids: Iterable[str]) -> None:
        """Watch these runs, and no others."""
        self._runs = sorted(set(run_ids))
        self.serve()

    def free_slot_of(self, run_id: str, step_key: str) -> None:
        """Have the recorder give back what the step of a run that is over held."""
        self._ended.append((run_id, step_key))
        self.serve()

    def lose(self, pid: int) -> None:
        """Note that this process has ended. If it is the recorder, `serve` starts another."""
        if self._seat.lost(pid):
            self._asked = False

    def wakes_at(self) -> float:
        """Return when `serve` has something to do."""
        if self._asked:
            return self._looks_at if self._runs or self._ended else math.inf
        return self._seat.wakes_at()

    def serve(self) -> None:
        """Answer the recorder if it has asked and there is something to look at now."""
        self._seat.end_if_still()
        if not (self._runs or self._ended or self._unknown or self._attempts):
            return
        if self._seat.process is None:
            self._start()
        elif self._asked and (self._unknown or boot_time() >= self._looks_at):
            self._answer()

    def _answer(self) -> None:
        looks = boot_time() >= self._looks_at
        runs, ended = (self._runs, self._ended) if looks else ([], [])
        question = {"type": "look", "locate": list(self._unknown), "runs": runs, "ended": ended}
        self._seat.post(question)
        self._seat.await_answer()
        self._asked = False
        if looks:
            self._ended = []
            self._looks_at = boot_time() + doubled(LOOK_SECONDS, LONGEST_DELAY, self._failures)

    def _handle(self, frame: Frame) -> None:
        if frame["type"] == "ask":
            self._seat.has_answered()
            self._asked = True
            self._failures = frame["failures"]
            self.serve()
        elif frame["type"] == "over":
            self._over(frame["runs"])
        elif frame["type"] == "located":
            self._take_in(frame)
        elif frame["type"] == "stands":
            self._take_in_standing(frame)

    def _take_in(self, frame: Frame) -> None:
        run_id = frame["run_id"]
        self._unknown.pop(run_id, None)
        code = None if frame["code"] is None else RunCode.from_frame(frame["code"])
        if code is not None:
            self._known.keep(run_id, code)
        self._located(run_id, code, frame["error"])

    def _take_in_standing(self, frame: Frame) -> None:
        question = self._attempts.pop(frame["id"], None)
        if question is None:
            return
        if frame["outcome"] is not None:
            self._stood(frame["id"], frame["outcome"], None)
            return
        if frame.get("code") is not None:
            code = RunCode.from_frame(frame["code"])
            self._known.keep(question["order"]["envelope"]["run_id"], code)
        self._stood(frame["id"], None, Admission.from_frame(frame))

    def _start(self) -> None:
        if self._seat.start():
            self._started()
            for question in self._attempts.values():
                self._seat.post(question)


def _bytes_of(code: RunCode) -> int:
    plan = 0 if code.plan is None else len(code.plan.text)
    return plan + len(code.planned_with or "")
