"""The channels that the recorder waits for, each with the reaction to what arrives there."""

from __future__ import annotations

import contextlib
import selectors
from collections.abc import Callable

from dagster_taskiq.host.wire.channel import Channel


class Sources:
    """A selector. It sends what a channel has kept as soon as the socket has room."""

    def __init__(self) -> None:
        self._selector = selectors.DefaultSelector()
        self._reactions: dict[Channel, Callable[[], None]] = {}

    def add(self, channel: Channel, react: Callable[[], None]) -> None:
        """Wait for the channel from now on."""
        self._reactions[channel] = react
        self._selector.register(channel, selectors.EVENT_READ)

    def remove(self, channel: Channel) -> None:
        """Stop waiting for the channel, if it is waited for at all."""
        if self._reactions.pop(channel, None) is not None:
            with contextlib.suppress(KeyError):
                self._selector.unregister(channel)

    def arm(self, channel: Channel, *, reads: bool) -> None:
        """Read from it only if `reads`; send what it has kept in any case."""
        if channel not in self._reactions:
            return
        events = selectors.EVENT_READ if reads else 0
        events |= selectors.EVENT_WRITE if channel.unsent else 0
        waits = self._selector.get_map().get(channel)
        if waits is None:
            if events:
                self._selector.register(channel, events)
        elif not events:
            self._selector.unregister(channel)
        elif waits.events != events:
            self._selector.modify(channel, events)

    def wait(self, seconds: float | None) -> None:
        """Wait until one is ready, at most so long; then react to all that are."""
        for key, mask in self._selector.select(seconds):
            channel = key.fileobj
            # An earlier one in this turn may have removed it.
            if not isinstance(channel, Channel) or channel not in self._reactions:
                continue
            if mask & selectors.EVENT_WRITE:
                try:
                    channel.flush()
                except OSError:
                    mask |= selectors.EVENT_READ  # the reaction finds the end and removes it
            if mask & selectors.EVENT_READ:
                self._reactions[channel]()
