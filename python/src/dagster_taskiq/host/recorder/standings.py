"""Answers whether attempts may run, many at once."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from dagster_taskiq.dagster_internals.host import serialize_value
from dagster_taskiq.host.record.standing import Standing, look_up, reaching_storage
from dagster_taskiq.host.record.start import Start, decide_start
from dagster_taskiq.host.recorder.runs import KnownRun, RunRecords
from dagster_taskiq.host.wire.errors import error_from
from dagster_taskiq.host.wire.frames import Frame
from dagster_taskiq.host.wire.orders import RunOrder
from dagster_taskiq.host.wire.outcomes import MachineryFault, Outcome, fault

if TYPE_CHECKING:
    from dagster import DagsterInstance


class Standings:
    """Answers by what Dagster's storage says. The code of a run is sent with the first answer."""

    def __init__(self, instance: DagsterInstance, records: RunRecords) -> None:
        self._instance = instance
        self._records = records
        self._code_sent: set[str] = set()

    def stand(self, orders: Sequence[RunOrder]) -> Sequence[Frame]:
        """Return the frame that answers each order."""
        try:
            with reaching_storage():
                known = self._records.going_on({order.attempt.run_id for order in orders})
        except MachineryFault as error:
            return [_refusal(order, _fault_of(error)) for order in orders]
        return [self._stand(order, known.get(order.attempt.run_id)) for order in orders]

    def forget(self, live: set[str]) -> None:
        """Send the code of all other runs again."""
        self._code_sent &= live

    def _stand(self, order: RunOrder, known: KnownRun | None) -> Frame:
        try:
            decided = self._decide(order, known)
        except MachineryFault as error:
            return _refusal(order, _fault_of(error))
        except Exception as error:  # noqa: BLE001 - of one order: the next ones are answered
            return _refusal(order, fault("step", error_from(error)))
        if not isinstance(decided, Start):
            return _refusal(order, decided)
        answer = {
            **_refusal(order, None),
            "run": serialize_value(decided.run) if known is None else known.text,
            "state": serialize_value(decided.state),
        }
        if known is not None and known.code is not None and known.run.run_id not in self._code_sent:
            self._code_sent.add(known.run.run_id)
            answer["code"] = known.code.to_frame()
        return answer

    def _decide(self, order: RunOrder, known: KnownRun | None) -> Start | Outcome:
        if known is None or known.plan is None:
            return self._start(order, look_up(self._instance, order.attempt))
        plans = {str(known.run.execution_plan_snapshot_id): known.plan}
        standing = look_up(self._instance, order.attempt, plans, known.run)
        return self._start(order, standing)

    def _start(self, order: RunOrder, standing: Standing) -> Start | Outcome:
        return decide_start(self._instance, order.attempt, order.envelope, standing)


def _refusal(order: RunOrder, outcome: Outcome | None) -> Mapping[str, object]:
    return {"type": "stands", "id": order.id, "outcome": outcome}


def _fault_of(error: MachineryFault) -> Outcome:
    return fault(error.scope, error.error or error_from(error.__cause__ or error))
