"""Cuts Dagster's KnownExecutionState down to what one step reads, so messages stay small.

What a step process reads of it: its own attempt count; which of its inputs are ready (a fan-in
silently leaves out the others); the mapping keys that resolve it, or the steps it loads from; which
earlier run produced an input; versions of its inputs and outputs.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from dagster._core.execution.plan.handle import ResolvedFromDynamicStepHandle, StepHandle
from dagster._core.execution.plan.outputs import StepOutputHandle
from dagster._core.execution.plan.state import KnownExecutionState, PastExecutionState
from dagster._core.execution.plan.step import ExecutionStep, UnresolvedMappedExecutionStep

if TYPE_CHECKING:
    from dagster._core.execution.plan.plan import ExecutionPlan

# Output name to mapping keys. None is Dagster's word for "skipped", unlike no keys at all.
OutputKeys = Mapping[str, Sequence[str] | None]
DynamicOutput = tuple[str, str]


def for_step(
    known_state: KnownExecutionState, plan: ExecutionPlan, step_key: str
) -> KnownExecutionState:
    """Return the part of `known_state` that the named step of the run's plan reads."""
    step = plan.get_executable_step_by_key(step_key)
    inputs = _input_handles(step)
    versioned = inputs | {StepOutputHandle(step_key, name) for name in step.step_output_dict}
    return KnownExecutionState(
        previous_retry_attempts=_only(known_state.previous_retry_attempts, {step_key}),
        dynamic_mappings=_mappings(known_state.dynamic_mappings, plan, step, inputs),
        step_output_versions=_only(known_state.step_output_versions, versioned),
        ready_outputs=known_state.ready_outputs & inputs,
        parent_state=_past(known_state.parent_state, inputs),
    )


def _input_handles(step: ExecutionStep) -> set[StepOutputHandle]:
    return {
        handle
        for step_input in step.step_inputs
        for handle in step_input.get_step_output_handle_dependencies()
    }


def _only(values: Mapping[Any, Any], keys: set[Any]) -> dict[Any, Any]:
    return {key: value for key, value in values.items() if key in keys}


def _mappings(
    mappings: Mapping[str, OutputKeys],
    plan: ExecutionPlan,
    step: ExecutionStep,
    inputs: set[StepOutputHandle],
) -> dict[str, dict[str, list[str] | None]]:
    read = set(_dynamic_outputs_read(plan, step, inputs))
    mapping_key = step.get_mapping_key()
    return {
        resolver: {
            name: _keys(keys, (resolver, name) in read, mapping_key)
            for name, keys in outputs.items()
        }
        for resolver, outputs in mappings.items()
        # A collect over no keys has no inputs that would name its dynamic output, yet its plan
        # cannot be built without the entry: those without keys stay, they cost next to nothing.
        if any((resolver, name) in read or not keys for name, keys in outputs.items())
    }


def _keys(keys: Sequence[str] | None, read: bool, mapping_key: str | None) -> list[str] | None:
    if keys is None:
        return None
    if not read:
        return []
    return list(keys) if mapping_key is None else [mapping_key]


def _dynamic_outputs_read(
    plan: ExecutionPlan, step: ExecutionStep, inputs: set[StepOutputHandle]
) -> Iterator[DynamicOutput]:
    """Name the dynamic outputs that resolve this step or a step it loads from."""
    for handle in inputs:
        if handle.mapping_key is not None:
            yield handle.step_key, handle.output_name
    handles = [StepHandle.parse_from_key(handle.step_key) for handle in inputs]
    for step_handle in (step.handle, *handles):
        if isinstance(step_handle, ResolvedFromDynamicStepHandle):
            # Dagster adds resolved steps to the plan and leaves the form they came from.
            mapped = plan.get_step(step_handle.unresolved_form)
            assert isinstance(mapped, UnresolvedMappedExecutionStep), mapped
            yield mapped.resolved_by_step_key, mapped.resolved_by_output_name


def _past(
    state: PastExecutionState | None, inputs: set[StepOutputHandle]
) -> PastExecutionState | None:
    if state is None:
        return None
    older = _past(state.get_parent_state(), inputs)
    produced = state.produced_outputs & inputs
    # A run that produced none of the inputs would only be walked past.
    return PastExecutionState(state.run_id, produced, older) if produced else older
