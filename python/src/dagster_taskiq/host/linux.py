"""What only Linux offers: dying with the parent, adopting orphans, going first when memory ends.

Every function says by its result whether the kernel agreed; none raises.
"""

from __future__ import annotations

import ctypes
import sys
from pathlib import Path

_PR_SET_PDEATHSIG = 1
_PR_SET_CHILD_SUBREAPER = 36

_MOST_KILLABLE = 1000


def die_with_parent(signal_number: int) -> bool:
    """Have the kernel send the signal when the parent ends; 0 takes it back. Lost over a fork."""
    return _prctl(_PR_SET_PDEATHSIG, signal_number)


def adopt_orphans() -> bool:
    """Become the parent of descendants whose own parent ends, so that they can be reaped."""
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


def children() -> list[int]:
    """Return the living children of this process, adopted ones too; empty where unknown."""
    try:
        return [int(pid) for pid in Path("/proc/thread-self/children").read_text().split()]
    except OSError:
        return []


def _prctl(option: int, value: int) -> bool:
    if sys.platform != "linux":
        return False
    try:
        return bool(ctypes.CDLL(None).prctl(option, value, 0, 0, 0) == 0)
    except (OSError, AttributeError):
        return False
