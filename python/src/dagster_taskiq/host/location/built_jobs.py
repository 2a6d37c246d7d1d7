"""Jobs and plans that a location host has built, so that its steps inherit them."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from typing import TYPE_CHECKING

from dagster_taskiq.recently_used import RecentlyUsed

if TYPE_CHECKING:
    from dagster_taskiq.host.code.sources import RunCode
    from dagster_taskiq.host.work.built_job import BuiltJob

# A thousand steps take about 8 MB. The newest job is kept, however large it is.
_MOST_STEPS = 10_000
# A selection of assets has a definition of its own: almost 1 MB in a location of 3000 assets,
# however few steps it has.
_MOST_JOBS = 100
_MOST_HARMLESS = 1_000

_Key = tuple[str, bytes]


class BuiltJobs:
    """The jobs used last, by their code and by what they were planned with.

    `build` runs user code in the location host. So a job is built here only after a step's own
    process has built it and come to its end, and only when another step needs it.
    """

    def __init__(self, build: Callable[[RunCode], BuiltJob | None]) -> None:
        self._build = build
        self._kept = RecentlyUsed[_Key, "BuiltJob | None"](
            _MOST_JOBS, most_weight=_MOST_STEPS, weight=_steps_of
        )
        self._trials: dict[str, _Key] = {}
        self._harmless = RecentlyUsed[_Key, bool](_MOST_HARMLESS)

    def of(self, order_id: str, code: RunCode) -> BuiltJob | None:
        """Return the job of the order's run. `None` means that the step's process builds it."""
        if not code.plain or code.planned_with is None:
            return None
        # A digest: a thousand large run configs would fill the memory.
        key = (code.origin, hashlib.sha256(code.planned_with.encode()).digest())
        if key not in self._kept:
            if key not in self._harmless:
                self._trials[order_id] = key
                return None
            self._harmless.drop(key)
            self._kept.keep(key, self._build(code))
        return self._kept.get(key)

    def note_end(self, order_id: str, *, came_to_its_end: bool) -> None:
        """Note that the process of this order is gone."""
        key = self._trials.pop(order_id, None)
        if key is None or not came_to_its_end or key in self._kept:
            return
        self._harmless.keep(key, True)


def _steps_of(job: BuiltJob | None) -> int:
    return 0 if job is None else len(job.plan.step_dict)
