"""Orders: the frames that ask for a process, decoded once where they arrive.

A process that hands an order on sends `as_sent` whole, and the receiver decodes that again.
Only decoders read its fields.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

from dagster_taskiq.envelope import Envelope, idempotency_key
from dagster_taskiq.host.wire.frames import ErrorInfo, Frame
from dagster_taskiq.host.wire.limits import Limits
from dagster_taskiq.host.wire.terms import term_of_ms
from dagster_taskiq.wire_fields import Fields, count_field, is_number, require, text_field

_ISOLATION = "taskiq/isolation"
# Only a `run` has limits.
_UNLIMITED = Limits()


@dataclass(frozen=True)
class StepId:
    """One attempt of one step of one run; attempts count from 0."""

    run_id: str
    step_key: str
    attempt: int

    @property
    def idempotency_key(self) -> str:
        """Its name in the ledger."""
        return idempotency_key(self.run_id, self.step_key, self.attempt)


@dataclass(frozen=True, kw_only=True)
class Delivery:
    """The receive that started a process, for Dagster's event log."""

    worker: str
    message_id: str
    receive_count: int
    starts: int
    taken_over_from: str | None
    """The worker whose lease ended before this claim."""


@dataclass(frozen=True, kw_only=True)
class ClaimBesideDagster:
    """The worker's claim of a step, in a ledger that lives in Dagster's own database.

    The recorder may settle its row with the terminal event, if the claim still holds.
    """

    schema: str
    """Holds the ledger's tables."""
    fence: int


@dataclass(frozen=True, kw_only=True)
class _Order:
    id: str
    """The worker's name for this piece of work."""
    as_sent: Frame
    """The worker's frame, only to be handed on."""
    within: float
    """For how many seconds from its sending its process may live, unless that is renewed."""
    limits: Limits = _UNLIMITED
    ledger: ClaimBesideDagster | None = None
    """`None`: the ledger is elsewhere, so that a permit is asked for."""

    @property
    def step(self) -> tuple[str, str] | None:
        """Run id and step key of the step that it runs. `None` means that it runs none."""
        return None

    @property
    def settles(self) -> bool:
        """Whether its claim decides on its terminal event, and no permit of the worker's."""
        return self.ledger is not None

    @property
    def needs_code_of(self) -> str | None:
        """The run whose code a location host must have imported. `None` means that none must."""
        return None

    @property
    def needs_interpreter(self) -> bool:
        """Whether its process is a fresh interpreter in place of a fork."""
        return False


@dataclass(frozen=True, kw_only=True)
class RunOrder(_Order):
    """Run one attempt of a step."""

    envelope: Envelope
    delivery: Delivery
    unforkable: bool = False
    """Whether the import of its code left behind what a fork would break."""
    broken: ErrorInfo | None = None
    """Why its code cannot be imported, if another process has found out."""

    @property
    def attempt(self) -> StepId:
        """The attempt that it runs."""
        envelope = self.envelope
        return StepId(envelope.run_id, envelope.step_key, envelope.retry_count)

    @property
    def step(self) -> tuple[str, str]:
        """See `_Order`."""
        return self.envelope.run_id, self.envelope.step_key

    @property
    def needs_code_of(self) -> str | None:
        """See `_Order`."""
        return None if self.needs_interpreter else self.envelope.run_id

    @property
    def needs_interpreter(self) -> bool:
        """See `_Order`. The tag `taskiq/isolation: spawn` asks for it, too."""
        return self.unforkable or self.envelope.tags.get(_ISOLATION) == "spawn"

    @property
    def must_fork(self) -> bool:
        """Whether its tags ask for a fork, whatever the import left behind."""
        return self.envelope.tags.get(_ISOLATION) == "fork"


@dataclass(frozen=True, kw_only=True)
class ReportOrder(_Order):
    """End an attempt that the machinery could not run."""

    attempt: StepId
    retry_in: float | None
    """Seconds until the next attempt. `None` means that the step fails."""
    park: bool
    """Whether to write nothing, and to leave the attempt open."""
    reason: str
    message: str
    delivery: Delivery


@dataclass(frozen=True, kw_only=True)
class NoticeOrder(_Order):
    """Write one engine event."""

    run_id: str
    step_key: str
    message: str
    level: str
    metadata: Mapping[str, str | float]


@dataclass(frozen=True, kw_only=True)
class ProbeOrder(_Order):
    """Find out whether a step could run now."""

    run_id: str | None
    """The run whose code to import. `None` means that no code is imported."""

    @property
    def needs_code_of(self) -> str | None:
        """See `_Order`."""
        return self.run_id


@dataclass(frozen=True, kw_only=True)
class LookOrder(_Order):
    """Read where attempts stand."""

    attempts: Sequence[StepId]


Order = RunOrder | ReportOrder | NoticeOrder | ProbeOrder | LookOrder
_OrderT = TypeVar("_OrderT", bound=Order)


def order_from(frame: Frame) -> Order | None:
    """Decode an order; `None` means that the frame is none.

    Raises WireError that names the first wrong field.
    """
    decode = _DECODERS.get(frame["type"])
    return None if decode is None else decode(frame)


def handed_on(frame: Frame, kind: type[_OrderT]) -> _OrderT:
    """Return the order of this kind that a frame hands on. Raises WireError or TypeError."""
    order = order_from(frame["order"])
    if not isinstance(order, kind):
        raise TypeError(f"expected a {kind.__name__}, got an order to {frame['order']['type']}")
    return order


def _run(frame: Frame) -> RunOrder:
    return RunOrder(
        id=_text(frame, "id"),
        as_sent=frame,
        within=_within(frame),
        limits=Limits.from_fields(_object(frame, "limits") if frame.get("limits") else {}),
        envelope=Envelope.from_dict(_object(frame, "envelope")),
        delivery=_delivery(frame),
        ledger=_claim(frame),
    )


def _report(frame: Frame) -> ReportOrder:
    return ReportOrder(
        id=_text(frame, "id"),
        as_sent=frame,
        within=_within(frame),
        attempt=_attempt(frame),
        retry_in=_seconds(frame, "retry_in"),
        park=frame.get("park") is True,
        reason=_text(frame, "reason"),
        message=_text(frame, "message"),
        delivery=_delivery(frame),
        ledger=_claim(frame),
    )


def _notice(frame: Frame) -> NoticeOrder:
    return NoticeOrder(
        id=_text(frame, "id"),
        as_sent=frame,
        within=_within(frame),
        run_id=_text(frame, "run_id"),
        step_key=_text(frame, "step_key"),
        message=_text(frame, "message"),
        level=_text(frame, "level"),
        metadata=_object(frame, "metadata"),
    )


def _probe(frame: Frame) -> ProbeOrder:
    run_id = text_field(frame, "run_id")
    return ProbeOrder(id=_text(frame, "id"), as_sent=frame, within=_within(frame), run_id=run_id)


def _look(frame: Frame) -> LookOrder:
    attempts = frame.get("attempts")
    holds = isinstance(attempts, list) and all(isinstance(each, Mapping) for each in attempts)
    require(frame, "attempts", "a list of objects", holds)
    found = [_attempt(each) for each in frame["attempts"]]
    return LookOrder(id=_text(frame, "id"), as_sent=frame, within=_within(frame), attempts=found)


_DECODERS: Mapping[str, Callable[[Frame], Order]] = {
    "run": _run,
    "report": _report,
    "notice": _notice,
    "probe": _probe,
    "look": _look,
}


def _delivery(frame: Frame) -> Delivery:
    fields = _object(frame, "delivery")
    return Delivery(
        worker=_text(fields, "worker"),
        message_id=_text(fields, "message_id"),
        receive_count=count_field(fields, "receive_count"),
        starts=count_field(fields, "starts"),
        taken_over_from=text_field(fields, "taken_over_from"),
    )


def _claim(frame: Frame) -> ClaimBesideDagster | None:
    if frame.get("ledger") is None:
        return None
    fields = _object(frame, "ledger")
    fence = fields.get("fence")
    holds = isinstance(fence, int) and not isinstance(fence, bool) and fence >= 1
    require(fields, "fence", "a whole number from 1 on", holds)
    return ClaimBesideDagster(schema=_text(fields, "schema"), fence=int(fence or 0))


def _attempt(fields: Fields) -> StepId:
    run_id, step_key = _text(fields, "run_id"), _text(fields, "step_key")
    return StepId(run_id, step_key, count_field(fields, "attempt"))


def _within(frame: Frame) -> float:
    value = frame.get("within_ms")
    holds = value is None or is_number(value)
    require(frame, "within_ms", "a number of milliseconds or null", holds)
    return term_of_ms(value)


def _object(fields: Fields, name: str) -> Mapping[str, Any]:
    require(fields, name, "an object", isinstance(fields.get(name), Mapping))
    value: Mapping[str, Any] = fields[name]
    return value


def _text(fields: Fields, name: str) -> str:
    require(fields, name, "a string", isinstance(fields.get(name), str))
    return str(fields[name])


def _seconds(fields: Fields, name: str) -> float | None:
    value = fields.get(name)
    require(fields, name, "a number of seconds or null", value is None or is_number(value))
    return value
