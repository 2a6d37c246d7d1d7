"""When a limit is overstepped: by time, by silence, by what is written."""

from __future__ import annotations

import math
import os

import pytest

from dagster_taskiq.host.supervise.kill_ladder import Cause
from dagster_taskiq.host.supervise.oom import OomKills
from dagster_taskiq.host.supervise.usage import Usage
from dagster_taskiq.host.wire.limits import Limits


def watch(**limits):
    return Usage(os.getpid(), Limits(**limits), now=100.0)


def test_no_limit_applies_unless_given():
    free = watch()
    assert free.wakes_at() == math.inf
    assert free.overstepped(1e9) is None
    assert Limits.from_fields({}) == Limits()


def test_limits_are_read_from_the_frame():
    fields = {
        "timeout_ms": 1500,
        "silence_ms": 2500,
        "grace_ms": 500,
        "memory_bytes": 3,
        "processes": 4,
        "output_bytes": 5,
        "after_end_ms": 6500,
    }
    assert Limits.from_fields(fields) == Limits(1.5, 2.5, 0.5, 3, 4, 5, 6.5)


def test_a_timeout_counts_from_the_start():
    timed = watch(timeout=30.0)
    timed.note_event(129.0)
    assert timed.wakes_at() == 130.0
    assert timed.overstepped(129.9) is None
    assert timed.overstepped(130.0) == (Cause.TIMED_OUT, "it ran for longer than 30 s")


def test_a_recorded_end_has_a_time_of_its_own(tmp_path):
    ended = watch(timeout=30.0, silence=5.0, after_end=60.0)
    ended.captured([str(tmp_path / "out")], 100)
    ended.ended(104)
    assert ended.overstepped(163.9) is None
    still = "it still ran 60 s after its end was recorded"
    assert ended.overstepped(164) == (Cause.AFTER_END, still)


def test_events_and_output_end_a_silence(tmp_path):
    out, err = tmp_path / "out", tmp_path / "err"
    silent = watch(silence=30.0)
    assert silent.overstepped(140) is None  # nothing is captured yet: no output can be seen
    silent.captured([str(out), str(err)], 140)
    assert silent.overstepped(169) is None
    err.write_text("a line")
    assert silent.overstepped(171) is None
    silent.note_event(200)
    assert silent.overstepped(229) is None
    out.write_text("a line")
    err.write_text("")
    assert silent.overstepped(231) is None
    assert silent.overstepped(260.9) is None
    over = silent.overstepped(261.5)
    assert over == (Cause.SILENT, "it wrote no event and no output for 30 s")


@pytest.mark.parametrize("stream", ["out", "err"])
def test_output_is_bounded_for_each_stream(tmp_path, stream):
    paths = [str(tmp_path / name) for name in ("out", "err")]
    bounded = watch(output=10)
    bounded.captured(paths, 100)
    for path in paths:
        (tmp_path / path).write_bytes(b"x" * 10)
    assert bounded.overstepped(101) is None
    (tmp_path / stream).write_bytes(b"x" * 11)
    over = bounded.overstepped(102)
    assert over == (Cause.OUTPUT, f"it wrote more than 10 bytes to {tmp_path / stream}")


def test_usage_is_measured_twice_a_second(tmp_path):
    path = tmp_path / "out"
    bounded = watch(output=10)
    bounded.captured([str(path)], 100)
    path.write_bytes(b"x" * 11)
    assert bounded.overstepped(100.0) is not None
    assert bounded.wakes_at() == 100.5
    assert bounded.overstepped(100.4) is None
    assert bounded.overstepped(100.5) is not None


V1 = (
    "9:name=systemd:/\n4:cpu,memory:/task/7\n0::/\n",
    "sys/fs/cgroup/memory/task/7",
    "oom_control",
)
V2 = ("0::/task/7\n", "sys/fs/cgroup/task/7", "events")
V2_CONTAINER = ("0::/../host/task/7\n", "sys/fs/cgroup", "events")


@pytest.mark.parametrize(("groups", "directory", "name"), [V1, V2, V2_CONTAINER])
def test_the_cgroup_shows_an_oom_kill(tmp_path, groups, directory, name):
    (tmp_path / "proc/self").mkdir(parents=True)
    (tmp_path / "proc/self/cgroup").write_text(groups)
    (tmp_path / directory).mkdir(parents=True)
    counter = tmp_path / directory / f"memory.{name}"
    counter.write_text("low 0\noom 9\noom_kill 3\noom_group_kill 0\n")
    kills = OomKills(tmp_path)
    assert not kills.recent(100)
    counter.write_text("low 0\noom 9\noom_kill 4\noom_group_kill 0\n")
    kills.look(101)
    kills.look(102)
    assert kills.recent(105)
    assert not kills.recent(105)  # one kill explains one death
    counter.write_text("low 0\noom 9\noom_kill 5\noom_group_kill 0\n")
    kills.look(110)
    assert not kills.recent(120)  # too long ago


def test_without_a_cgroup_no_oom_kill_is_reported(tmp_path):
    assert not OomKills(tmp_path).recent(100)
