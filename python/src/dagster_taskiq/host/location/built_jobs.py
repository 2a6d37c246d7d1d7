"""Jobs and plans that a location host has built, so that its steps inherit them."""

from __future__ import annotations

import hashlib
from collections import OrderedDict
from collections.abc import Callable
from typing import TYPE_CHECKING

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
        self._kept: OrderedDict[_Key, BuiltJob | None] = OrderedDict()
        self._trials: dict[str, _Key] = {}
        self._harmless: OrderedDict[_Key, None] = OrderedDict()

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
            del self._harmless[key]
            self._kept[key] = self._build(code)
        self._kept.move_to_end(key)
        while len(self._kept) > 1 and self._is_too_much():
            self._kept.popitem(last=False)
        return self._kept[key]

    def note_end(self, order_id: str, *, came_to_its_end: bool) -> None:
        """Note that the process of this order is gone."""
        key = self._trials.pop(order_id, None)
        if key is None or not came_to_its_end or key in self._kept:
            return
        self._harmless[key] = None
        while len(self._harmless) > _MOST_HARMLESS:
            self._harmless.popitem(last=False)

    def _is_too_much(self) -> bool:
        steps = sum(len(job.plan.step_dict) for job in self._kept.values() if job is not None)
        return steps > _MOST_STEPS or len(self._kept) > _MOST_JOBS
