"""Steering: the frames about a process that runs, decoded once where they arrive."""

from __future__ import annotations

import signal
from dataclasses import dataclass

from dagster_taskiq.host.wire.frames import Frame
from dagster_taskiq.host.wire.terms import moment_of

_SIGNALS = {name: getattr(signal, name) for name in ("SIGINT", "SIGTERM", "SIGKILL")}


@dataclass(frozen=True)
class Kill:
    """Signal its process group."""

    id: str
    signal: signal.Signals

    def to_frame(self) -> Frame:
        """Return the frame."""
        return {"type": "kill", "id": self.id, "signal": self.signal.name}


@dataclass(frozen=True)
class Renewal:
    """Let it live until then, in boot time."""

    id: str
    until: float

    def to_frame(self) -> Frame:
        """Return the frame for a process of this machine, which reads a moment."""
        return {"type": "renew", "id": self.id, "until": moment_of(self.until)}


@dataclass(frozen=True)
class Permit:
    """The answer to its question whether it may write its terminal event."""

    id: str
    within_ms: float | None
    """How long the permit holds from the question on. `None` means a refusal."""

    def to_frame(self) -> Frame:
        """Return the frame."""
        granted = self.within_ms is not None
        return {"type": "permit", "id": self.id, "granted": granted, "within_ms": self.within_ms}

    @staticmethod
    def from_frame(frame: Frame) -> Permit:
        """Decode one. Only the JSON value true grants."""
        within_ms = frame.get("within_ms") if frame.get("granted") is True else None
        return Permit(frame.get("id", ""), within_ms)


Steering = Kill | Renewal | Permit


def steering_from(frame: Frame, until: float) -> Steering | None:
    """Decode a frame with an id and the term that it gives. `None` means that it steers nothing."""
    if frame["type"] == "kill":
        return Kill(frame["id"], _SIGNALS.get(str(frame.get("signal")), signal.SIGKILL))
    if frame["type"] == "renew":
        return Renewal(frame["id"], until)
    return Permit.from_frame(frame) if frame["type"] == "permit" else None
