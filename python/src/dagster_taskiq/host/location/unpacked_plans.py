"""Plans that a location host has unpacked, so that its steps inherit them."""

from __future__ import annotations

import zlib
from collections import OrderedDict
from collections.abc import Mapping

from dagster_taskiq.host.record.planned import Plan, StoredPlan
from dagster_taskiq.host.wire.errors import warn

# A thousand steps take about 6 MB. The newest plan is kept, however large it is.
_MOST_STEPS = 10_000


class UnpackedPlans:
    """The plans used last, by the id of their snapshots."""

    def __init__(self) -> None:
        self._kept: OrderedDict[str, Plan] = OrderedDict()

    def of(self, stored: StoredPlan) -> Mapping[str, Plan]:
        """Return the plan under its id; nothing if it cannot be unpacked.

        Each step's process then reads the plan itself, and says what is wrong with it.
        """
        plan = self._kept.get(stored.snapshot_id)
        if plan is None:
            try:
                plan = stored.unpacked()
            except (ValueError, KeyError, TypeError, zlib.error) as error:
                warn(f"cannot keep plan {stored.snapshot_id}: {error!r}")
                return {}
            self._kept[stored.snapshot_id] = plan
        self._kept.move_to_end(stored.snapshot_id)
        while len(self._kept) > 1 and sum(map(len, self._kept.values())) > _MOST_STEPS:
            self._kept.popitem(last=False)
        return {stored.snapshot_id: plan}
