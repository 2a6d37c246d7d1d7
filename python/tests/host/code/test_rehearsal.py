"""The rehearsal leaves the base as it was: a process that may fork, and that ignores signals."""

from __future__ import annotations

import json
import subprocess
import sys
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

_PROGRAM = """
import json, os, signal, sys, tempfile, threading
from pathlib import Path

from dagster_taskiq.host.child.process_state import ProcessState
from dagster_taskiq.host.code.importing import ignore_signals
from dagster_taskiq.host.code.rehearsal import rehearse
from dagster_taskiq.host.system import linux

def look():
    found = [str(path) for path in Path(tempfile.gettempdir()).rglob("*")]
    descriptors = sorted(os.listdir("/proc/self/fd"))
    return [found, descriptors, threading.active_count(), len(list(linux.children()))]

ignore_signals()
state, before = ProcessState.now(), look()
rehearse()
changes = state.changes_until(ProcessState.now())
print(json.dumps({"before": before, "after": look(), "changes": changes}))
"""


def test_the_rehearsal_leaves_no_file_thread_child_descriptor_handler_or_variable(tmp_path: Path):
    places = {"HOME": str(tmp_path), "TMPDIR": str(tmp_path), "PATH": ""}
    ended = subprocess.run(
        [sys.executable, "-c", _PROGRAM], env=places, capture_output=True, text=True, check=True
    )
    said = json.loads(ended.stdout)
    assert said["after"] == said["before"]
    assert said["changes"] == []
    assert ended.stderr == ""
