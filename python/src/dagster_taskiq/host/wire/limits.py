"""What one step process may use. The worker says it in `run`; host and kernel enforce it."""

from __future__ import annotations

from dataclasses import dataclass

from dagster_taskiq.wire_fields import Fields, is_number, require


@dataclass(frozen=True)
class Limits:
    """`None` means without limit. Times are seconds, sizes bytes."""

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
    def from_fields(fields: Fields) -> Limits:
        """Decode the object `limits` of a `run`. Raises WireError that names the wrong field."""
        grace, after_end = _seconds(fields, "grace_ms"), _seconds(fields, "after_end_ms")
        return Limits(
            timeout=_seconds(fields, "timeout_ms"),
            silence=_seconds(fields, "silence_ms"),
            grace=Limits.grace if grace is None else grace,
            memory=_whole(fields, "memory_bytes"),
            processes=_whole(fields, "processes"),
            output=_whole(fields, "output_bytes"),
            after_end=Limits.after_end if after_end is None else after_end,
        )


def _seconds(fields: Fields, name: str) -> float | None:
    ms = _number(fields, name)
    return None if ms is None else ms / 1000


def _whole(fields: Fields, name: str) -> int | None:
    number = _number(fields, name)
    return None if number is None else int(number)


def _number(fields: Fields, name: str) -> float | None:
    value = fields.get(name)
    require(fields, name, "a number or null", value is None or is_number(value))
    return value
