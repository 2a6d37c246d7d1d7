"""Which versions of Dagster this package works with, and the error for all others.

Standard library only: the step host and the executor ask before they import what other versions
lack. `pyproject.toml` states the same range, and a test compares the two.
"""

from __future__ import annotations

import re
from typing import NamedTuple

from dagster_taskiq import __version__


class Range(NamedTuple):
    """From the oldest supported version up to, and without, `below`."""

    oldest: str
    below: str


SUPPORTED = Range(oldest="1.10.21", below="2")


class UnsupportedDagsterError(ImportError):
    """The installed Dagster is outside of the supported range."""


def why_unsupported(found: str) -> str | None:
    """Return what is wrong with this version of Dagster and what to do; None if it is supported.

    A version that is not a plain number, as of a checkout of Dagster's source, is not judged.
    """
    version = _numbers(found)
    if not version or _numbers(SUPPORTED.oldest) <= version < _numbers(SUPPORTED.below):
        return None
    return (
        f"Dagster {found} is installed, but dagster-taskiq {__version__} supports Dagster"
        f" {SUPPORTED.oldest} or newer, below {SUPPORTED.below}. Install one of these:"
        f" pip install 'dagster>={SUPPORTED.oldest},<{SUPPORTED.below}'"
    )


def require_supported_dagster() -> None:
    """Raise UnsupportedDagsterError for an installed Dagster outside of the range."""
    from dagster import __version__ as found

    if (why := why_unsupported(found)) is not None:
        raise UnsupportedDagsterError(why)


def _numbers(version: str) -> tuple[int, ...]:
    match = re.match(r"\d+(?:\.\d+)*(?![\d!.])", version)
    return tuple(int(part) for part in match[0].split(".")) if match else ()
