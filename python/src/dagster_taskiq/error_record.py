"""Dagster's record of an error that was never raised."""

from __future__ import annotations

from dagster_taskiq.dagster_internals.shared import SerializableErrorInfo


def record_of(name: str, message: str) -> SerializableErrorInfo:
    """Build the record: class name and message, without a traceback."""
    record: SerializableErrorInfo = SerializableErrorInfo(f"{name}: {message}\n", [], name)
    return record
