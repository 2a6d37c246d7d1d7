"""A frame may carry a descriptor, which arrives with it and with no other."""

from __future__ import annotations

import contextlib
import os
import socket
from pathlib import Path

import pytest

from dagster_taskiq.host.wire.channel import Channel


def open_descriptors() -> int:
    return len(list(Path("/proc/self/fd").iterdir()))


@pytest.fixture
def ends():
    ours, theirs = socket.socketpair()
    sender, receiver = Channel(ours), Channel(theirs)
    receiver.expect_descriptors()
    yield sender, receiver
    sender.close()
    receiver.close()


def readable(text: bytes) -> int:
    reader, writer = os.pipe()
    os.write(writer, text)
    os.close(writer)
    return reader


def test_each_descriptor_comes_with_its_frame_past_a_full_socket(ends):
    sender, receiver = ends
    filler = "x" * 100_000
    before = open_descriptors()
    for number in range(20):
        passed = readable(str(number).encode()) if number % 3 == 0 else None
        sender.post({"type": "step", "number": number, "filler": filler}, passed)
    assert sender.unsent
    seen = []
    while len(seen) < 20:
        sender.flush()
        for frame in receiver.receive_now():
            seen.append(frame["number"])
            if frame["number"] % 3 == 0:
                descriptor = receiver.take_descriptor()
                assert os.read(descriptor, 10) == str(frame["number"]).encode()
                os.close(descriptor)
    assert seen == list(range(20))
    assert open_descriptors() == before


def test_a_closed_channel_keeps_no_descriptor_open():
    before = open_descriptors()
    ours, theirs = socket.socketpair()
    sender, receiver = Channel(ours), Channel(theirs)
    receiver.expect_descriptors()
    for _ in range(3):
        sender.post({"type": "step"}, readable(b""))
    receiver.receive()
    for _ in range(3):
        sender.post({"type": "step", "filler": "x" * 1_000_000}, readable(b""))
    sender.close()
    receiver.close()
    assert open_descriptors() == before


def test_a_channel_that_expects_no_descriptors_keeps_none():
    before = open_descriptors()
    ours, theirs = socket.socketpair()
    with contextlib.closing(Channel(ours)) as sender, contextlib.closing(Channel(theirs)) as other:
        sender.post({"type": "step"}, readable(b""))
        assert other.receive() == [{"type": "step"}]
        with pytest.raises(IndexError):
            other.take_descriptor()
    assert open_descriptors() == before
