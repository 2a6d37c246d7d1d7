"""What the base keeps of the runs that it knows."""

from __future__ import annotations

import os
import selectors
import socket
import threading

from dagster_taskiq.host.base.known_runs import KnownRuns
from dagster_taskiq.host.base.recorder_seat import RecorderSeat
from dagster_taskiq.host.code.sources import RunCode, Source
from dagster_taskiq.host.supervise.fork import Forked
from dagster_taskiq.host.wire.channel import Channel

RUNS = 350
CONFIG = "c" * 200_000


def test_the_memory_that_large_run_configs_fill_is_bounded() -> None:
    base, recorder = map(Channel, socket.socketpair())
    located: list[str] = []
    seat = RecorderSeat(
        selectors.DefaultSelector(), lambda _: Forked("recorder", os.getpid(), base)
    )
    known = KnownRuns(
        seat,
        located=lambda run_id, *_: located.append(run_id),
        over=lambda _: None,
        stood=lambda *_: None,
        started=lambda: None,
    )
    assert known.code_of("run-0") is None
    code = RunCode(None, Source("module", "jobs", None), "", plain=True, planned_with=CONFIG)

    def record() -> None:
        for number in range(RUNS):
            found = {"run_id": f"run-{number}", "code": code.to_frame(), "error": None}
            recorder.send({"type": "located", **found})

    recording = threading.Thread(target=record)
    recording.start()
    while len(located) < RUNS:
        seat.read()
    recording.join()
    kept = [run_id for run_id in located if known.code_of(run_id) is not None]
    assert kept == located[-len(kept) :]
    assert 0 < len(kept) * len(CONFIG) <= 64 * 1024 * 1024
    base.close()
    recorder.close()
