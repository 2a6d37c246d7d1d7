"""Makes the envelope of a step that Dagster's executor wants launched."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

import dagster

from dagster_taskiq import __version__
from dagster_taskiq.envelope import LONGEST_JOB, Envelope, OnFault
from dagster_taskiq.wire_fields import LONGEST_DELAY_SECONDS

if TYPE_CHECKING:
    from dagster_taskiq.dagster_internals.producer import StepHandlerContext
    from dagster_taskiq.dagster_internals.shared import KnownExecutionState

TAG_PREFIX = "taskiq/"


def only_step_key(context: StepHandlerContext) -> str:
    """Return the key of the one step that Dagster's executor asks about at a time."""
    (step_key,) = context.execute_step_args.step_keys_to_execute or ()
    return step_key


def attempt_of(context: StepHandlerContext) -> int:
    """Return Dagster's attempt of that step, 0 first."""
    retry_state = _state(context).get_retry_state()
    return retry_state.get_attempt_count(only_step_key(context))


def build_envelope(context: StepHandlerContext, instance: str | None) -> Envelope:
    """Describe the launch to a worker. `instance` is the identity of the Dagster instance."""
    step_key = only_step_key(context)
    step_context = context.get_step_context(step_key)
    job = step_context.job_name
    return Envelope(
        run_id=context.execute_step_args.run_id,
        step_key=step_key,
        op_name=step_context.step.node_handle.name,
        retry_count=attempt_of(context),
        retry_mode="disabled" if _retries_disabled(context) else "deferred",
        on_fault=_on_fault(context),
        enqueued_at=time.time(),
        tags={
            name: value
            for name, value in sorted(step_context.step.tags.items())
            if name.startswith(TAG_PREFIX)
        },
        instance=instance,
        dagster=dagster.__version__,
        dagster_taskiq=__version__,
        job=job if len(job.encode()) <= LONGEST_JOB else None,
    )


def _on_fault(context: StepHandlerContext) -> OnFault | None:
    policy = context.get_step_context(only_step_key(context)).op_retry_policy
    attempt = attempt_of(context)
    if policy is None or _retries_disabled(context) or attempt >= policy.max_retries:
        return None
    # Dagster counts the attempts of a policy from 1.
    delay = float(policy.calculate_delay(attempt + 1))
    return OnFault(retry_in=min(delay, LONGEST_DELAY_SECONDS))


def _retries_disabled(context: StepHandlerContext) -> bool:
    mode = context.execute_step_args.retry_mode
    return mode is not None and mode.disabled


def _state(context: StepHandlerContext) -> KnownExecutionState:
    state = context.execute_step_args.known_state
    assert state is not None, "Dagster's executor always passes the known state"
    return state
