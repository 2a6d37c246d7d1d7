"""The `taskiq/…` tags that an op may have, and what is said of any other."""

from __future__ import annotations

from collections.abc import Iterable
from difflib import get_close_matches

from dagster_taskiq.enqueue import QUEUE_TAG
from dagster_taskiq.envelope import GROUP_TAG

# Workers read all but the first two. `fixtures/step-tags.json` holds both languages to one list.
KNOWN_TAGS = (
    QUEUE_TAG,
    GROUP_TAG,
    "taskiq/after_end",
    "taskiq/backoff",
    "taskiq/isolation",
    "taskiq/kill_grace",
    "taskiq/max_output",
    "taskiq/max_starts",
    "taskiq/memory",
    "taskiq/on_exhausted",
    "taskiq/on_worker_lost",
    "taskiq/processes",
    "taskiq/silence_timeout",
    "taskiq/timeout",
)


def unknown_tags(names: Iterable[str]) -> dict[str, str]:
    """Return a sentence for each tag that nothing reads, by its name."""
    return {name: _sentence(name) for name in names if name not in KNOWN_TAGS}


def _sentence(name: str) -> str:
    close = get_close_matches(name, KNOWN_TAGS, n=1, cutoff=0.8)
    hint = f"did you mean {close[0]}?" if close else f"it is none of {', '.join(KNOWN_TAGS)}."
    return f"taskiq reads no tag {name}, so it has no effect: {hint}"
