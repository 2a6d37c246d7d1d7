"""Plans that a location host has unpacked, so that its steps inherit them."""

from __future__ import annotations

import zlib
from collections.abc import Mapping

from dagster_taskiq.host.record.planned import Plan, StoredPlan
from dagster_taskiq.host.wire.errors import warn
from dagster_taskiq.recently_used import RecentlyUsed

# A thousand steps take about 6 MB. The newest plan is kept, however large it is.
_MOST_STEPS = 10_000


class UnpackedPlans:
    """The plans used last, by the id of their snapshots."""

    def __init__(self) -> None:
        self._kept = RecentlyUsed[str, Plan](most_weight=_MOST_STEPS, weight=len)

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
            self._kept.keep(stored.snapshot_id, plan)
        return {stored.snapshot_id: plan}
