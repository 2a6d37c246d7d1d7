"""What only Linux offers: dying with the parent, adopting orphans, a view of other processes.

None raises. What acts on the process returns whether the kernel agreed.
"""

from __future__ import annotations

import contextlib
import ctypes
import os
import sys
from collections.abc import Iterator
from itertools import islice
from pathlib import Path

_PR_SET_PDEATHSIG = 1
_PR_SET_CHILD_SUBREAPER = 36

_MOST_KILLABLE = 1000


def die_with_parent(signal_number: int) -> bool:
    """Have the kernel send the signal when the parent ends; 0 takes it back. Lost over a fork."""
    return _prctl(_PR_SET_PDEATHSIG, signal_number)


def adopt_orphans() -> bool:
    """Become the parent of descendants whose own parent ends, so that they cannot get away."""
    return _prctl(_PR_SET_CHILD_SUBREAPER, 1)


def raise_oom_score(by: int) -> bool:
    """Make the out-of-memory killer prefer this process to its parent."""
    path = Path("/proc/self/oom_score_adj")
    try:
        path.write_text(str(min(_MOST_KILLABLE, int(path.read_text()) + by)))
    except (OSError, ValueError):
        return False
    return True


def name_process(name: str) -> bool:
    """Show a name of up to 15 characters in `ps -o comm`, `top` and /proc."""
    try:
        Path("/proc/self/comm").write_text(name)
    except OSError:
        return False
    return True


def tasks() -> int:
    """Count the threads of this process, those of native code too; 0 where unknown."""
    return len(_entries("/proc/self/task"))


def flush_c_streams() -> None:
    """Write out what C code has buffered, which Python does not see."""
    with contextlib.suppress(OSError, AttributeError):
        ctypes.CDLL(None).fflush(None)


def children() -> list[int]:
    """Return the living children of this process, adopted ones too; empty where unknown."""
    return [int(pid) for pid in _read("/proc/thread-self/children").split()]


def count_descendants(pid: int, *, up_to: int) -> int:
    """Count the processes below `pid` that are more than zombies; stop at `up_to`."""
    alive = (each for each in _descendants(pid) if _stat(each)[:1] != ["Z"])
    return sum(1 for _ in islice(alive, up_to))


def data_bytes() -> int:
    """Return what RLIMIT_DATA counts of this process; 0 where unknown."""
    lines = _read("/proc/self/status").splitlines()
    return next((int(line.split()[1]) * 1024 for line in lines if line.startswith("VmData:")), 0)


def tasks_of_user() -> int:
    """Count what RLIMIT_NPROC counts: the threads of every process of this process's user."""
    own = [pid for pid in _entries("/proc") if pid.isdigit() and _owner(pid) == os.getuid()]
    return sum(_threads(pid) for pid in own)


def _descendants(pid: int) -> Iterator[int]:
    waiting = [pid]
    while waiting:
        found = _children_of(waiting.pop())
        yield from found
        waiting += found


def _children_of(pid: int) -> list[int]:
    # Listed by the thread that forked them.
    lists = [_read(f"/proc/{pid}/task/{task}/children") for task in _entries(f"/proc/{pid}/task")]
    return [int(child) for each in lists for child in each.split()]


def _threads(pid: str) -> int:
    fields = _stat(pid)
    return int(fields[17]) if fields else 0


def _stat(pid: int | str) -> list[str]:
    """Return the fields behind the name, which may hold anything; the state is the first."""
    return _read(f"/proc/{pid}/stat").rpartition(")")[2].split()


def _owner(pid: str) -> int | None:
    try:
        return Path(f"/proc/{pid}").stat().st_uid
    except OSError:
        return None


def _entries(directory: str) -> list[str]:
    try:
        return [entry.name for entry in Path(directory).iterdir()]
    except OSError:
        return []


def _read(path: str) -> str:
    try:
        return Path(path).read_text(errors="replace")
    except OSError:  # no Linux, or gone meanwhile
        return ""


def _prctl(option: int, value: int) -> bool:
    if sys.platform != "linux":
        return False
    try:
        return bool(ctypes.CDLL(None).prctl(option, value, 0, 0, 0) == 0)
    except (OSError, AttributeError):
        return False
