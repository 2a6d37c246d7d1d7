"""What the base hands over to a location host with an order: the code of its run, and its term."""

from __future__ import annotations

from dataclasses import dataclass

from dagster_taskiq.host.code.sources import RunCode
from dagster_taskiq.host.wire.admissions import Admission
from dagster_taskiq.host.wire.frames import Frame
from dagster_taskiq.host.wire.orders import Order, order_from
from dagster_taskiq.host.wire.terms import moment_of, term_of

HANDOVER = "order"
"""The type of its frame."""
RECORDER = "recorder"
"""The type of the frame that carries the location host's end of its link to the recorder."""


@dataclass(frozen=True)
class Handover:
    """One order for a location host."""

    order: Order
    code: RunCode
    until: float
    """Boot time until which its process may live."""
    admission: Admission | None = None
    """The recorder's leave to run. `None` means that the step's process looks itself."""

    def to_frame(self) -> Frame:
        """Return it as a frame carries it."""
        return {
            "type": HANDOVER,
            "id": self.order.id,
            "order": self.order.as_sent,
            "code": self.code.to_frame(),
            "until": moment_of(self.until),
            "admission": None if self.admission is None else self.admission.to_frame(),
        }

    @staticmethod
    def from_frame(frame: Frame) -> Handover:
        """Read what `to_frame` wrote."""
        order = order_from(frame["order"])
        assert order is not None
        admission = None if frame["admission"] is None else Admission.from_frame(frame["admission"])
        code = RunCode.from_frame(frame["code"])
        return Handover(order, code, term_of(frame["until"]), admission)
