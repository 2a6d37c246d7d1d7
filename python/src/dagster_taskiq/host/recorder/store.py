"""What the writer asks of a storage: one transaction for the events of some steps, or none."""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from typing import Protocol, TypeVar

from sqlalchemy.exc import DataError

from dagster_taskiq.host.recorder.events import RecordedEvent
from dagster_taskiq.host.recorder.settlement import Settlement
from dagster_taskiq.host.wire.errors import causes_of
from dagster_taskiq.host.wire.orders import StepId
from dagster_taskiq.host.wire.outcomes import Outcome

T = TypeVar("T")


@dataclass(frozen=True)
class Part:
    """The events of one step that go into a transaction, oldest first."""

    step: str
    """The id of its order."""
    attempt: StepId
    events: Sequence[RecordedEvent]
    deadline: float
    """COMMIT must be sent before this moment of boot time.

    That is when the permit for its terminal event lapses. Without one it is shortly before the
    lease of the attempt ends, because another worker may end the attempt from then on. A claim
    that is settled in the same transaction has none.
    """
    settlement: Settlement | None = None
    """How the claim ends with its terminal event. `None`: that is for the worker to settle."""

    @property
    def ends(self) -> bool:
        """Whether the terminal event is among the events."""
        return bool(self.events) and self.events[-1].is_terminal


class Stale(Exception):
    """The ledger's row is not this claim's any more. Nothing was written."""

    def __init__(self) -> None:
        super().__init__("the claim was over before the event was written")


class Lapsed(Exception):
    """The deadline passed before COMMIT was sent. Nothing was written."""


class Ended(Exception):
    """Another process has ended the attempt since the permit was asked for. Nothing was written."""

    def __init__(self, outcome: Outcome) -> None:
        super().__init__("another process has recorded the end of the attempt")
        self.outcome = outcome


class NoConnection(Exception):
    """There is no connection to the database. Nothing was written."""


class ConnectionLost(Exception):
    """The connection broke before COMMIT was sent. Nothing was written."""


class InDoubt(Exception):
    """COMMIT was sent, and nothing says whether it took effect."""


def is_of_data(error: Exception) -> bool:
    """Return whether no try would store these events, such as a text with a NUL on PostgreSQL."""
    return any(isinstance(cause, DataError | ValueError) for cause in causes_of(error))


class Store(Protocol):
    """Dagster's storage over connections that are kept open. Used by one thread."""

    def write(self, parts: Sequence[Part]) -> None:
        """Write all the parts in one transaction, or nothing.

        Raises one of the errors above, or what the database says of the data.
        """

    def read(self, work: Callable[[], T]) -> T:
        """Do work that reads by Dagster's methods. Repeat it if a connection proves closed."""

    def together(self, parts: Sequence[Part]) -> Sequence[Sequence[Part]]:
        """Return the parts in groups that one transaction can hold."""

    def let_go(self, live: Collection[str]) -> None:
        """Close the connections that serve none of these runs."""
