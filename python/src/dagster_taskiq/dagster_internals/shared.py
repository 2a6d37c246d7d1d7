"""Dagster's internals that both halves of this package use.

Each name was seen in every version of `SEEN_IN` unless its line says otherwise.
"""

from __future__ import annotations

from dagster._core.events import EngineEventData
from dagster._core.execution.plan.objects import StepFailureData, StepRetryData
from dagster._core.execution.plan.state import KnownExecutionState
from dagster._core.execution.retries import RetryMode
from dagster._core.storage.runs import SqlRunStorage
from dagster._utils.error import SerializableErrorInfo  # type: ignore[attr-defined]

__all__ = [
    "EngineEventData",
    "KnownExecutionState",
    "RetryMode",
    "SerializableErrorInfo",
    "SqlRunStorage",
    "StepFailureData",
    "StepRetryData",
]
