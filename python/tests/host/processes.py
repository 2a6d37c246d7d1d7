"""Facts about processes, read from /proc."""

from __future__ import annotations

from pathlib import Path


def parent_of(pid: int) -> int:
    """Return the parent, which is the location host of a step."""
    return int(Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[1])


def alive(pid: int) -> bool:
    """Return whether the process runs. A zombie does not: only its parent's wait is missing.

    A process may end before its file is opened, or before it is read.
    """
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except (FileNotFoundError, ProcessLookupError):
        return False


def connections(pid: int) -> set[str]:
    """Return the sockets, pipes and SQLite databases that the process has open."""
    links = [path.readlink().name for path in Path(f"/proc/{pid}/fd").iterdir()]
    return {link for link in links if link.startswith(("socket:", "pipe:")) or link.endswith(".db")}


def descriptors(pid: int) -> int:
    """Return how many descriptors the process has open."""
    return len(list(Path(f"/proc/{pid}/fd").iterdir()))


def anonymous_kb(pid: int) -> int:
    """Return the memory of the process that no file is behind, shared with forks or not."""
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    [found] = [line for line in lines if line.startswith("RssAnon:")]
    return int(found.split()[1])
