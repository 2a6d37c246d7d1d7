"""What a process reports of itself: outcomes, and the results that the ledger keeps."""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import Any, Literal

from dagster_taskiq.host.wire.frames import ErrorInfo, ExecutionResult, State

Outcome = Mapping[str, Any]
CODE_LACKS_STEP = "CodeLacksStep"
"""Class of the fault that the loaded code lacks a planned step: it is older than the run."""
Scope = Literal["step", "location", "instance"]


class MachineryFault(Exception):
    """Something other than the step failed. `scope` says who is to blame; the cause is chained.

    `error` describes it where the cause was raised in another process.
    """

    def __init__(self, scope: Scope, message: str, error: ErrorInfo | None = None) -> None:
        super().__init__(message)
        self.scope: Scope = scope
        self.error = error


class NotOpen(Exception):
    """The run worker has not sent what the message asks for: nothing may run, nothing may end."""


class OpNameMismatch(NotOpen):
    """The step belongs to another op than the message says."""


def outcome(
    kind: str, result: ExecutionResult | None = None, error: ErrorInfo | None = None
) -> Outcome:
    """Build an outcome of a kind that ARCHITECTURE.md lists."""
    return {"kind": kind, "result": result, "error": error}


def fault(scope: Scope, error: ErrorInfo) -> Outcome:
    """Build the outcome of a process that wrote no terminal event because of the machinery."""
    return {**outcome("fault", error=error), "scope": scope}


def ended_now(
    state: State, *, since: float | None = None, error: ErrorInfo | None = None
) -> ExecutionResult:
    """Build the result of an attempt that ends at this moment, with nothing produced."""
    now = time.time()
    return execution_result(state, now if since is None else since, now, error=error)


def execution_result(
    state: State,
    started_at: float,
    completed_at: float,
    *,
    output: Mapping[str, list[str]] | None = None,
    error: ErrorInfo | None = None,
) -> ExecutionResult:
    """Build a result. A clock that was set back between the two gives no negative time."""
    return {
        "state": state,
        "output": output,
        "error": error,
        "started_at": started_at,
        "completed_at": completed_at,
        "execution_time_seconds": max(0.0, completed_at - started_at),
    }
