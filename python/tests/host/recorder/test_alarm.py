"""A query that hangs ends the recorder: nothing else in its process could."""

from __future__ import annotations

import signal
import subprocess
import sys


def test_a_query_that_hangs_ends_the_recorder():
    script = """
import time
from types import SimpleNamespace
from dagster_taskiq.host.recorder import alarm

alarm.HUNG_SECONDS = 1
alarm.arm_alarm()
alarm.Alarmed(SimpleNamespace(read=lambda work: work())).read(lambda: time.sleep(1000))
"""
    ended = subprocess.run([sys.executable, "-c", script], timeout=60, check=False)
    assert ended.returncode == -signal.SIGALRM
