"""What step processes say is user code's word: nothing of it may end the host, or say too much."""

from __future__ import annotations

import json
import os
import random
import socket
from typing import Any

import pytest

from dagster_taskiq.host.boot_time import boot_time
from dagster_taskiq.host.channel import Channel
from dagster_taskiq.host.fork import Forked
from dagster_taskiq.host.frames import Broken, Frame, decode
from dagster_taskiq.host.guard import Guard
from dagster_taskiq.host.hearing import Hearing
from dagster_taskiq.host.limits import Limits
from dagster_taskiq.host.locations import Locations
from dagster_taskiq.host.stacks import write_heading

TYPES = ["outcome", "origin", "event", "ask", "capture", "ready", "started", "permit", "", "\ud800"]
FIELDS = ["outcome", "origin", "location", "event", "stdout", "stderr", "id", "kind", "result"]


def nested(depth: int) -> str:
    return "[" * depth + "]" * depth


ODD = [
    *[
        "null",
        "true",
        "0",
        "-1",
        "1e400",
        "-1e400",
        "0.5",
        '""',
        '"\\u0000"',
        '"\\ud800"',
        '"/dev/null"',
    ],
    *["[]", "{}", '{"kind":"success"}', '{"kind":1e400}', nested(100), nested(900)],
    *[f'{{"kind":{nested(depth)}}}' for depth in (100, 900, 980, 990)],
    '"' + "x" * 100_000 + '"',
]


def hostile(dice: random.Random) -> bytes:
    fields = {json.dumps(name): dice.choice(ODD) for name in dice.sample(FIELDS, dice.randrange(5))}
    fields['"type"'] = json.dumps(dice.choice(TYPES))
    return ("{" + ",".join(f"{name}:{value}" for name, value in fields.items()) + "}").encode()


class Scene:
    """A host's ears, with the worker and one step process at the other ends."""

    def __init__(self) -> None:
        self._worker, ours = socket.socketpair()
        self._step, step = socket.socketpair()
        self.hearing = Hearing(Channel(ours), Locations(None))  # type: ignore[arg-type]
        self.guard = Guard(Forked("w1", os.getpid(), Channel(step)), Limits(), boot_time())

    def hear(self, line: bytes) -> list[Frame]:
        """Return what the worker is told of it."""
        self.hearing.take_in(self.guard, decode(line))
        self.hearing.tell_outcome(self.guard)
        self._step.setblocking(False)
        self._worker.setblocking(False)
        try:
            told = self._worker.recv(1 << 24)
        except BlockingIOError:
            return []
        frames = [decode(line) for line in told.splitlines()]
        assert not any(isinstance(frame, Broken) for frame in frames)
        return [frame for frame in frames if not isinstance(frame, Broken)]


def test_whatever_a_process_says_the_host_goes_on():
    dice = random.Random(20_261_127)
    for _ in range(3_000):
        scene = Scene()
        for frame in scene.hear(hostile(dice)):
            assert frame["id"] == "w1"
            assert frame["type"] in {"outcome", "ask", "capture"}


@pytest.mark.parametrize("outcome", ['{"kind":1e400}', f'{{"kind":{nested(990)}}}'])
def test_an_outcome_that_cannot_be_passed_on_is_none(
    outcome: str, capfd: pytest.CaptureFixture[str]
):
    assert Scene().hear(f'{{"type":"outcome","outcome":{outcome}}}'.encode()) == []
    assert "w1" not in capfd.readouterr().out


@pytest.mark.parametrize("path", ["", "\0", "/dev/null\0", "\ud800", "/dev/null", "x" * 100_000])
def test_a_heading_goes_into_files_alone(path: str):
    write_heading(path, "taskiq: the step is ended\n")


def test_what_is_no_path_is_not_captured():
    told: list[Any] = Scene().hear(b'{"type":"capture","stdout":["a"],"stderr":null}')
    assert told == []
