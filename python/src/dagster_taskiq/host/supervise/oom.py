"""Whether the kernel's out-of-memory killer was at work: the cgroup counts what it killed."""

from __future__ import annotations

import math
import re
from pathlib import Path

_LOOK_SECONDS = 0.5

# The counter rises when the victim is chosen; a large one takes a while to end.
_RECENT_SECONDS = 5.0


class OomKills:
    """The counter of this process's own cgroup; looked at often, so that a rise has a time."""

    def __init__(self, root: Path = Path("/")) -> None:
        self._file = _counter_file(root)
        self._seen = self._count()
        self._rose_at = -math.inf
        self._looked_at = -math.inf

    def look(self, now: float) -> None:
        """Note whether the counter rose; for every turn of the loop, which may be many."""
        if now >= self._looked_at + _LOOK_SECONDS:
            self._look(now)

    def recent(self, now: float) -> bool:
        """Return whether it rose since the last call: one rise explains one death."""
        self._look(now)
        recent = now - self._rose_at < _RECENT_SECONDS
        self._rose_at = -math.inf
        return recent

    def _look(self, now: float) -> None:
        self._looked_at = now
        count = self._count()
        if count > self._seen:
            self._rose_at = now
        self._seen = count

    def _count(self) -> int:
        try:
            text = "" if self._file is None else self._file.read_text()
        except OSError:
            return 0
        found = re.search(r"^oom_kill (\d+)$", text, re.MULTILINE)
        return 0 if found is None else int(found[1])


def _counter_file(root: Path) -> Path | None:
    try:
        lines = (root / "proc/self/cgroup").read_text().splitlines()
    except OSError:
        return None
    for line in lines:
        _, controllers, path = line.split(":", 2)
        top = root / "sys/fs/cgroup"
        if controllers == "":
            name = "memory.events"
        elif "memory" in controllers.split(","):
            top, name = top / "memory", "memory.oom_control"
        else:
            continue
        # In a container the path may be the host's, while what is mounted is the container's own.
        for directory in (top / path.lstrip("/"), top):
            if (directory / name).is_file():
                return directory / name
    return None
