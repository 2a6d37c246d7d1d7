"""Admissions: the recorder's leave to run an attempt, with what its process would else read."""

from __future__ import annotations

import socket
from dataclasses import asdict, dataclass

from dagster_taskiq.host.wire.channel import Channel
from dagster_taskiq.host.wire.frames import Frame


@dataclass(frozen=True)
class Admission:
    """Two texts of Dagster's serdes JSON, passed on as they are.

    A process that already lives can be sent one, with the order and a socket to the recorder.
    """

    run: str
    """The run's record, a `DagsterRun`."""
    state: str
    """What the run worker knew as it sent the attempt, a `KnownExecutionState`."""

    def to_frame(self) -> Frame:
        """Return it as a frame carries it."""
        return asdict(self)

    @staticmethod
    def from_frame(frame: Frame) -> Admission:
        """Read what `to_frame` wrote."""
        return Admission(run=frame["run"], state=frame["state"])


@dataclass(frozen=True)
class Recording:
    """What a step's process has if the recorder reads and writes Dagster's storage for it."""

    admission: Admission
    recorder: Channel


def recording_from(frame: Frame, channel: Channel) -> Recording | None:
    """Return the recording of the order that a frame hands on; it has come over the channel.

    `None` means that the recorder does not record that order.
    """
    if frame["admission"] is None:
        return None
    recorder = Channel(socket.socket(fileno=channel.take_descriptor()))
    return Recording(Admission.from_frame(frame["admission"]), recorder)
