"""Run records that a location host has unpacked, so that its steps inherit them."""

from __future__ import annotations

from dagster import DagsterRun

from dagster_taskiq.dagster_internals.host import deserialize_value
from dagster_taskiq.recently_used import RecentlyUsed

# A record has the run's config, which may be large; steps that run at once are of few runs.
_MOST = 20


class UnpackedRuns:
    """The records used last, by their texts."""

    def __init__(self) -> None:
        self._kept = RecentlyUsed[str, DagsterRun](_MOST)

    def of(self, text: str) -> DagsterRun:
        """Return the record that this text of Dagster's serdes JSON holds."""
        run = self._kept.get(text)
        if run is None:
            run = deserialize_value(text, DagsterRun)
            self._kept.keep(text, run)
        return run
