"""The codec, against the golden files that the TypeScript side is tested against too."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from dagster_taskiq.host.wire.errors import cut_middle
from dagster_taskiq.host.wire.frames import Broken, FrameReader, decode, encode

GOLDEN = {
    path.stem: json.loads(path.read_text())
    for path in sorted(Path(__file__).parents[4].glob("fixtures/frames/*.json"))
}
FRAMES = {name: golden["frame"] for name, golden in GOLDEN.items() if "frame" in golden}
BROKEN = {name: golden["line"] for name, golden in GOLDEN.items() if "line" in golden}


def test_the_golden_frames_are_found():
    assert len(FRAMES) > 30
    assert len(BROKEN) > 3


@pytest.mark.parametrize("name", FRAMES)
def test_golden_frames_survive_the_wire(name):
    line = encode(FRAMES[name])
    assert line.isascii()
    assert line.endswith(b"\n")
    assert line.count(b"\n") == 1
    assert decode(line) == FRAMES[name]


@pytest.mark.parametrize("name", BROKEN)
def test_a_line_that_is_not_a_frame_is_reported(name):
    assert decode(BROKEN[name].encode()) == Broken(BROKEN[name])


def test_a_stream_may_be_cut_anywhere():
    stream = b"".join(encode(frame) for frame in FRAMES.values())
    for size in (1, 7, 1000):
        reader = FrameReader()
        read = [
            f for at in range(0, len(stream), size) for f in reader.feed(stream[at : at + size])
        ]
        assert read == list(FRAMES.values())


def test_a_broken_frame_costs_only_its_own_line():
    stream = b'\xff\xfe\n\n{"type":"stop"}\n[[\n{"type":"stop"}\n'
    assert list(FrameReader().feed(stream)) == [
        Broken("\\xff\\xfe"),
        {"type": "stop"},
        Broken("[["),
        {"type": "stop"},
    ]


def test_a_deeply_nested_frame_is_refused():
    assert isinstance(decode(b"[" * 1_000_000), Broken)


def test_a_line_without_end_is_dropped():
    reader = FrameReader()
    frames = [frame for _ in range(17) for frame in reader.feed(b"x" * (1 << 20))]
    assert frames == [Broken("x" * 200)]


def test_lone_surrogates_survive_the_wire():
    assert decode(encode({"type": "notice", "message": "\ud800"})) == {
        "type": "notice",
        "message": "\ud800",
    }


@pytest.mark.parametrize("text", ["", "short", "x" * 1000, "é" * 999, "\ud800" * 999])
def test_long_texts_lose_their_middle(text):
    cut = cut_middle(text, 100)
    assert len(cut.encode()) <= 100
    assert (cut == text) == (len(text) <= 100 and text.isascii())
    if len(text) > 100:
        assert "[... cut ...]" in cut
