"""Answers what the base asks of runs: where their code is, and which of them are over."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

from dagster_taskiq.host.record.pool_slots import free_slot
from dagster_taskiq.host.recorder.runs import RunRecords, runs_over
from dagster_taskiq.host.wire.errors import error_from, warn

if TYPE_CHECKING:
    from dagster import DagsterInstance

    from dagster_taskiq.host.recorder.store import Store
    from dagster_taskiq.host.wire.frames import Frame


class Questions:
    """Looks at runs. A slot that could not be freed is tried again at the next look."""

    def __init__(self, instance: DagsterInstance, records: RunRecords, store: Store) -> None:
        self._instance = instance
        self._records = records
        self._store = store
        self._unfreed: list[tuple[str, str]] = []
        self._failures = 0

    def next(self) -> Frame:
        """Return the frame that asks for a question."""
        return {"type": "ask", "failures": self._failures}

    def answer(self, question: Any) -> Iterator[Frame]:
        """Yield the frames that answer it."""
        yield from self._locate(question["locate"])
        self._unfreed += [(run_id, step_key) for run_id, step_key in question["ended"]]
        if not question["runs"] and not self._unfreed:
            return
        try:
            over = self._store.read(lambda: runs_over(self._instance, question["runs"]))
            self._free_slots()
        except Exception as error:  # noqa: BLE001 - storages raise what they like
            self._failures = min(self._failures + 1, 10)
            if self._failures == 1:
                warn(f"cannot read whether runs are over: {error!r}; trying again")
            return
        if self._failures:
            warn("can read again whether runs are over")
        self._failures = 0
        if over:
            yield {"type": "over", "runs": over}

    def _locate(self, run_ids: Sequence[str]) -> Iterator[Frame]:
        if not run_ids:
            return
        error, known = None, {}
        try:
            known = dict(self._store.read(lambda: self._records.going_on(run_ids)))
        except Exception as failed:  # noqa: BLE001 - storages raise what they like
            error = error_from(failed)
        for run_id in run_ids:
            code = known[run_id].code if run_id in known else None
            sent = None if code is None else code.to_frame()
            yield {"type": "located", "run_id": run_id, "code": sent, "error": error}

    def _free_slots(self) -> None:
        while self._unfreed:
            run_id, step_key = self._unfreed[-1]
            self._store.read(lambda: free_slot(self._instance, run_id, step_key))  # noqa: B023
            self._unfreed.pop()
