"""The supervisors that are linked to the recorder, and the step processes that they handed over."""

from __future__ import annotations

import contextlib
import socket
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING

from dagster_taskiq.host.recorder.step import RecordedStep
from dagster_taskiq.host.system.boot_time import boot_time
from dagster_taskiq.host.wire.channel import Channel
from dagster_taskiq.host.wire.errors import error_from, warn
from dagster_taskiq.host.wire.frames import Broken, Frame
from dagster_taskiq.host.wire.orders import RunOrder, handed_on
from dagster_taskiq.host.wire.outcomes import fault
from dagster_taskiq.host.wire.steering import Permit
from dagster_taskiq.host.wire.terms import term_of

if TYPE_CHECKING:
    from dagster_taskiq.host.recorder.sources import Sources

# The longest line of a step process, in bytes. It holds an event with its metadata.
_LONGEST_EVENT = 64 * 1024 * 1024


@dataclass(frozen=True, eq=False)
class Client:
    """A step process: its step, its socket, and the link to its supervisor."""

    step: RecordedStep
    channel: Channel
    link: Channel


class Clients:
    """Reads and answers their sockets.

    `begin` returns the step of an order. It gets the end of the lease, and may raise.
    """

    def __init__(self, sources: Sources, begin: Callable[[RunOrder, float], RecordedStep]) -> None:
        self._sources = sources
        self._begin = begin
        self._links: list[Channel] = []
        self._clients: dict[str, Client] = {}
        self._warned: set[str] = set()

    def __iter__(self) -> Iterator[RecordedStep]:
        """Iterate over the steps."""
        return (client.step for client in self._clients.values())

    def __getitem__(self, identifier: str) -> RecordedStep:
        """Return the step of an order."""
        return self._clients[identifier].step

    def runs(self) -> set[str]:
        """Return the runs of the steps."""
        return {step.attempt.run_id for step in self}

    def link(self, descriptor: int) -> None:
        """Serve the supervisor at the other end of the socket."""
        link = Channel(socket.socket(fileno=descriptor))
        link.expect_descriptors()
        self._links.append(link)
        self._sources.add(link, partial(self._read_link, link))

    def send(self) -> None:
        """Send what the steps have to say, and let go of those that are done."""
        for client in list(self._clients.values()):
            self._post(client.channel, _taken(client.step.answers))
            self._post(client.link, _taken(client.step.reports))
            self._sources.arm(client.channel, reads=self._may_read(client))
            if client.step.is_done(boot_time()):
                self._post(client.link, [{"type": "done", "id": client.step.id}])
                self._forget(client)
        for link in self._links:
            self._sources.arm(link, reads=True)

    # Supervisors

    def _read_link(self, link: Channel) -> None:
        try:
            frames = link.receive_now()
        except (EOFError, OSError):
            self._lose(link)
            return
        for frame in frames:
            if isinstance(frame, Broken):
                warn(f"not a frame: {frame.line}")
            else:
                self._obey(link, frame)

    def _obey(self, link: Channel, frame: Frame) -> None:
        if frame["type"] == "step":
            self._take(link, frame, link.take_descriptor())
        elif (client := self._clients.get(str(frame.get("id")))) is None:
            if frame["type"] == "gone":  # a step that never began, or is done already
                self._post(link, [{"type": "done", "id": frame.get("id")}])
        elif frame["type"] == "permit":
            client.step.permit(Permit.from_frame(frame).within_ms)
        elif frame["type"] == "renew":
            client.step.prolong(term_of(frame.get("until")))
        elif frame["type"] == "gone":
            self._drain(client)
            client.step.gone()

    def _take(self, link: Channel, frame: Frame, descriptor: int) -> None:
        channel = Channel(socket.socket(fileno=descriptor), longest=_LONGEST_EVENT)
        try:
            order = handed_on(frame, RunOrder)
            client = Client(self._begin(order, term_of(frame.get("until"))), channel, link)
        except Exception as error:  # noqa: BLE001 - of one step: the others go on
            outcome = fault("instance", error_from(error))
            self._post(channel, [{"type": "failed", "error": outcome["error"]}])
            self._post(link, [{"type": "outcome", "id": frame["id"], "outcome": outcome}])
            channel.close()
            return
        self._clients[order.id] = client
        self._sources.add(channel, partial(self._read_step, client))

    def _lose(self, link: Channel) -> None:
        """Read what the processes of a lost supervisor have sent, and count them as ended."""
        for client in [each for each in self._clients.values() if each.link is link]:
            self._drain(client)
            client.step.gone()
        self._links.remove(link)
        self._sources.remove(link)
        link.close()

    # Step processes

    def _read_step(self, client: Client) -> None:
        try:
            self._take_in(client, client.channel.receive_now())
        except (EOFError, OSError):
            # Its supervisor says whether it is gone; what it has sent is written.
            self._sources.remove(client.channel)

    def _drain(self, client: Client) -> None:
        self._take_in(client, client.channel.drain())

    def _take_in(self, client: Client, frames: Iterable[Frame | Broken]) -> None:
        now, step = boot_time(), client.step
        for frame in frames:
            if not isinstance(frame, Broken):
                step.take_in(frame, now)
            elif step.id not in self._warned:
                self._warned.add(step.id)
                key = step.attempt.step_key
                warn(f"step {key}: not a frame, later ones are not reported: {frame.line}")

    def _may_read(self, client: Client) -> bool:
        return not client.step.is_full and not client.channel.unsent

    def _forget(self, client: Client) -> None:
        self._sources.remove(client.channel)
        client.channel.close()
        self._warned.discard(client.step.id)
        del self._clients[client.step.id]

    def _post(self, channel: Channel, frames: Iterable[Frame]) -> None:
        # The other end is gone: it reads no answer, and its events are written.
        with contextlib.suppress(OSError):
            for frame in frames:
                channel.post(frame)


def _taken(frames: list[Frame]) -> list[Frame]:
    taken = list(frames)
    frames.clear()
    return taken
