"""What a step must know of the steps before it, from the message or else from the event log.

A step is never run with an empty state: fan-ins and collects would silently load nothing.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING

from dagster import DagsterEventType
from dagster._core.execution.plan.state import KnownExecutionState
from dagster._serdes import deserialize_value

from dagster_taskiq.envelope import Envelope, decode_known_state
from dagster_taskiq.host.planned import plan_of

if TYPE_CHECKING:
    from dagster import DagsterInstance, DagsterRun, EventLogEntry
    from dagster._core.execution.plan.outputs import StepOutputHandle
    from dagster._core.snap import ExecutionPlanSnapshot

DynamicMappings = dict[str, dict[str, "list[str] | None"]]

_TOLD = {
    DagsterEventType.STEP_OUTPUT,
    DagsterEventType.STEP_SUCCESS,
    DagsterEventType.STEP_SKIPPED,
    DagsterEventType.STEP_UP_FOR_RETRY,
}


def known_state_for(
    instance: DagsterInstance, run: DagsterRun, envelope: Envelope
) -> KnownExecutionState:
    """Return the state the step runs with; its own attempt is always the envelope's."""
    if envelope.known_state is None:
        state = rebuild(instance, run)
    else:
        state = deserialize_value(decode_known_state(envelope.known_state), KnownExecutionState)
    attempts = {**state.previous_retry_attempts, envelope.step_key: envelope.retry_count}
    return state._replace(previous_retry_attempts={k: n for k, n in attempts.items() if n})


def rebuild(instance: DagsterInstance, run: DagsterRun) -> KnownExecutionState:
    """Derive from the event log what the run worker keeps in memory as it follows the same log."""
    plan = plan_of(instance, run)
    initial = plan.initial_known_state or KnownExecutionState()
    entries = instance.all_logs(run.run_id, of_type=_TOLD)
    return initial._replace(
        ready_outputs={*initial.ready_outputs, *_ready_outputs(entries)},
        dynamic_mappings={**initial.dynamic_mappings, **_dynamic_mappings(entries, plan)},
    )


def _ready_outputs(entries: Iterable[EventLogEntry]) -> Iterable[StepOutputHandle]:
    for entry in entries:
        if entry.dagster_event_type is DagsterEventType.STEP_OUTPUT:
            yield entry.get_dagster_event().step_output_data.step_output_handle


def _dynamic_mappings(
    entries: Iterable[EventLogEntry], plan: ExecutionPlanSnapshot
) -> DynamicMappings:
    dynamic = _dynamic_outputs(plan)
    gathered: dict[str, dict[str, list[str]]] = {}
    complete: DynamicMappings = {}
    for entry in entries:
        key, kind = entry.step_key, entry.dagster_event_type
        if key is None or key not in dynamic:
            continue
        if kind is DagsterEventType.STEP_OUTPUT:
            data = entry.get_dagster_event().step_output_data
            if data.mapping_key is not None:
                gathered.setdefault(key, {}).setdefault(data.output_name, []).append(
                    data.mapping_key
                )
        elif kind is DagsterEventType.STEP_UP_FOR_RETRY:
            gathered.pop(key, None)  # the next attempt maps anew
        elif kind is DagsterEventType.STEP_SKIPPED:
            complete[key] = dict.fromkeys(dynamic[key])
        else:
            complete[key] = _completed(dynamic[key], gathered.get(key, {}))
    return complete


def _completed(
    outputs: Mapping[str, bool], gathered: Mapping[str, list[str]]
) -> dict[str, list[str] | None]:
    # None, unlike an empty list, makes the run worker skip what maps over the output.
    return {
        name: gathered.get(name) or ([] if required else None) for name, required in outputs.items()
    }


def _dynamic_outputs(plan: ExecutionPlanSnapshot) -> dict[str, dict[str, bool]]:
    """Return for each step with dynamic outputs their names, and whether they are required."""
    found: dict[str, dict[str, bool]] = {}
    for step in plan.steps:
        for output in step.outputs:
            if output.properties is not None and output.properties.is_dynamic:
                found.setdefault(step.key, {})[output.name] = output.properties.is_required
    return found
