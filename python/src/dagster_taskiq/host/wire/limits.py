"""What one step process may use: said by the worker in `run`, enforced by host and kernel."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from dagster_taskiq.host.wire.frames import Frame


@dataclass(frozen=True)
class Limits:
    """None is no limit. Times are seconds, sizes bytes."""

    timeout: float | None = None
    silence: float | None = None
    """Without a Dagster event and without output."""
    grace: float = 10.0
    """Between SIGINT and SIGKILL."""
    memory: int | None = None
    """On top of what the host had in memory when it forked."""
    processes: int | None = None
    """Below the step's own."""
    output: int | None = None
    """For each of stdout and stderr."""
    after_end: float = 600.0
    """From the recorded end of the step to the end of its process."""

    @staticmethod
    def from_frame(frame: Frame) -> Limits:
        """Read them; a frame without any, such as a report's, limits nothing."""
        told: dict[str, Any] = frame.get("limits") or {}
        return Limits(
            timeout=_seconds(told.get("timeout_ms")),
            silence=_seconds(told.get("silence_ms")),
            grace=told.get("grace_ms", Limits.grace * 1000) / 1000,
            memory=told.get("memory_bytes"),
            processes=told.get("processes"),
            output=told.get("output_bytes"),
            after_end=told.get("after_end_ms", Limits.after_end * 1000) / 1000,
        )


def _seconds(ms: float | None) -> float | None:
    return None if ms is None else ms / 1000
