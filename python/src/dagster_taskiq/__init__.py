"""Runs the steps of Dagster jobs on a fleet of taskiq workers fed by Amazon SQS.

Names are imported on first use: the step host shares this package and needs neither the executor
nor boto3.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from dagster_taskiq.envelope import Envelope as Envelope
    from dagster_taskiq.executor import taskiq_executor as taskiq_executor
    from dagster_taskiq.outgoing import EnqueueError as EnqueueError

__version__ = "0.1.0"

__all__ = ["EnqueueError", "Envelope", "__version__", "taskiq_executor"]

_HOMES = {
    "EnqueueError": "dagster_taskiq.outgoing",
    "Envelope": "dagster_taskiq.envelope",
    "taskiq_executor": "dagster_taskiq.executor",
}


def __getattr__(name: str) -> object:
    home = _HOMES.get(name)
    if home is None:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(home), name)
