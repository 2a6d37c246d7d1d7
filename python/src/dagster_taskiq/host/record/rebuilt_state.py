"""What a step must know of the steps before it, from the plan and the event log alone.

A message could name files, runs and steps that do not exist, so its known state is ignored. The
host reads the events of the steps that this one loads from, and of those that yielded the keys it
is mapped by.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from functools import cached_property
from typing import TYPE_CHECKING, Any

from dagster import DagsterEventType

from dagster_taskiq.dagster_internals.host import (
    FromDynamicCollect,
    FromPendingDynamicStepOutput,
    FromUnresolvedStepOutput,
    StepOutputHandle,
)
from dagster_taskiq.host.record.planned import Plan, PlannedStep, mapping_key_of
from dagster_taskiq.host.record.step_events import StepEvent, Wanted
from dagster_taskiq.host.wire.outcomes import NotOpen

if TYPE_CHECKING:
    from dagster_taskiq.dagster_internals.shared import KnownExecutionState

# Output name to mapping keys. None is Dagster's word for "skipped", unlike no keys at all.
OutputKeys = Mapping[str, "Sequence[str] | None"]
# By the key of the step that yields them.
Mappings = Mapping[str, OutputKeys]
DynamicOutput = tuple[str, str]
Read = Callable[[Sequence[Wanted]], Sequence[StepEvent]]

_YIELDED = (
    DagsterEventType.STEP_OUTPUT,
    DagsterEventType.STEP_SUCCESS,
    DagsterEventType.STEP_SKIPPED,
    DagsterEventType.STEP_UP_FOR_RETRY,
)
_ENDED = (DagsterEventType.STEP_SUCCESS, DagsterEventType.STEP_SKIPPED)
_MAPPED = (FromPendingDynamicStepOutput, FromUnresolvedStepOutput)
_COLLECTED = FromDynamicCollect


class Inputs:
    """What one step of the plan loads. Raises NotInPlan when the run executes no such step."""

    def __init__(self, plan: Plan, step_key: str) -> None:
        self._plan = plan
        self._step_key = step_key
        self._step = plan.step(step_key)
        self._mapping_key = mapping_key_of(step_key)
        mapped = plan.mapped(step_key)
        self._mapped_by = set() if mapped is None else set(self._resolved_by(mapped, _MAPPED))
        self._dynamic = self._mapped_by | set(self._resolved_by(self._step, _COLLECTED))
        self._narrow = {key for key, _ in self._mapped_by}
        for handle in self._handles({}):
            self._dynamic.update(self._resolves(handle))
            if handle.mapping_key is None:
                self._narrow.discard(handle.step_key)
        self._narrow -= {key for key, _ in self._dynamic - self._mapped_by}
        # Of a run that re-executes another, these may be none of its steps: see `initial_state`.
        self._resolvers = {key for key, _ in self._dynamic if plan.executes(key)}

    @property
    def op_name(self) -> str:
        """The op that the step runs."""
        return self._step.op_name

    @cached_property
    def wanted(self) -> Sequence[Wanted]:
        """Events to be read together with the step's own."""
        loaded = {handle.step_key for handle in self._ours({})}
        return [
            Wanted(self._resolvers, _YIELDED),
            *self._outputs_of(loaded - self._resolvers),
        ]

    def state(self, attempt: int, events: Sequence[StepEvent], read: Read) -> KnownExecutionState:
        """Return what the run worker knew as it launched the step. `events` are the wanted ones.

        Raises NotOpen when the run worker cannot have launched it yet, because no step yielded its
        mapping key, or a step that it loads from has not ended.
        """
        initial = self._plan.initial_state
        events = [event for event in events if not self._is_for_a_sibling(event)]
        yielded = {
            key: self._yielded(key, [event for event in events if event.step_key == key])
            for key in self._resolvers
        }
        mappings = {**initial.dynamic_mappings, **yielded}
        self._require_mapping_key(mappings)
        return initial._replace(
            previous_retry_attempts={self._step_key: attempt} if attempt else {},
            dynamic_mappings=self._trimmed(mappings),
            ready_outputs=initial.ready_outputs | self._ready(self._ours(mappings), events, read),
        )

    def _is_for_a_sibling(self, event: StepEvent) -> bool:
        """Return, without parsing it, whether it yields one of the thousand keys of other steps."""
        if event.kind is not DagsterEventType.STEP_OUTPUT or event.step_key not in self._narrow:
            return False
        return f'"{self._mapping_key}"' not in (event.text or "")

    def _resolved_by(self, step: PlannedStep, kinds: Any) -> Iterator[DynamicOutput]:
        for step_input in step.inputs:
            source: Any = step_input.source
            if isinstance(source, kinds):
                yield source.resolved_by_step_key, source.resolved_by_output_name

    def _resolves(self, handle: StepOutputHandle) -> Iterator[DynamicOutput]:
        """Name the dynamic outputs without whose keys the plan does not have this output."""
        if handle.mapping_key is not None:
            yield handle.step_key, handle.output_name
        elif (mapped := self._plan.mapped(handle.step_key)) is not None:
            yield from self._resolved_by(mapped, _MAPPED)

    def _handles(self, mappings: Mappings) -> Iterator[StepOutputHandle]:
        """Name the outputs that the step loads, as far as the mappings show them."""
        for step_input in self._step.inputs:
            source = step_input.source
            if isinstance(source, _MAPPED):
                yield source.resolve(str(self._mapping_key)).step_output_handle
            elif isinstance(source, FromDynamicCollect):
                outputs = mappings.get(source.resolved_by_step_key, {})
                for key in outputs.get(source.resolved_by_output_name) or ():
                    yield source.source.resolve(key).step_output_handle
            else:
                yield from step_input.handles

    def _ours(self, mappings: Mappings) -> set[StepOutputHandle]:
        """Leave out what earlier runs made, or what lies where the IO manager finds it anyway."""
        return {h for h in self._handles(mappings) if self._plan.executes(h.step_key)}

    def _yielded(self, resolver: str, events: Sequence[StepEvent]) -> OutputKeys:
        """Return the keys that the step yielded in the attempt that ended it."""
        outputs = self._plan.dynamic_outputs(resolver)
        keys: dict[str, list[str]] = {}
        for event in events:
            if event.kind is DagsterEventType.STEP_UP_FOR_RETRY:
                keys.clear()  # the next attempt maps again
            elif event.kind is DagsterEventType.STEP_SKIPPED:
                return dict.fromkeys(outputs)
            elif event.kind is DagsterEventType.STEP_SUCCESS:
                # None makes the run worker skip what maps over the output.
                return {n: keys.get(n) or ([] if needed else None) for n, needed in outputs.items()}
            elif event.output.mapping_key is not None:
                keys.setdefault(event.output.output_name, []).append(event.output.mapping_key)
        raise NotOpen(f"step {resolver}, which yields what {self._step_key} is for, has not ended")

    def _require_mapping_key(self, mappings: Mappings) -> None:
        for step_key, output_name in self._mapped_by:
            if self._mapping_key not in (mappings.get(step_key, {}).get(output_name) or ()):
                raise NotOpen(f"step {step_key} yielded no key {self._mapping_key}")

    def _trimmed(self, mappings: Mappings) -> dict[str, dict[str, list[str] | None]]:
        """Keep what this step reads: a plan with all thousand mapped steps takes long to build."""
        return {
            resolver: {name: self._keys((resolver, name), keys) for name, keys in outputs.items()}
            for resolver, outputs in mappings.items()
            # A plan with a collect over no keys cannot be built without their entry.
            if any((resolver, name) in self._dynamic or not keys for name, keys in outputs.items())
        }

    def _keys(self, output: DynamicOutput, keys: Sequence[str] | None) -> list[str] | None:
        if output not in self._dynamic:
            return []
        if output in self._mapped_by:
            return [str(self._mapping_key)]
        return None if keys is None else list(keys)

    def _ready(
        self, handles: set[StepOutputHandle], events: Sequence[StepEvent], read: Read
    ) -> set[StepOutputHandle]:
        """Return those of the outputs that were made; the others' steps ended without them."""
        ready = handles & self._made(events)
        seen = {key for wanted in self.wanted for key in wanted.step_keys}
        more = {handle.step_key for handle in handles - ready} - seen
        if more:
            ready |= handles & self._made(read(self._outputs_of(more)))
        lacking = {handle.step_key for handle in handles - ready}
        if lacking:
            lacking -= {event.step_key for event in read([Wanted(lacking, _ENDED)])}
        if lacking:
            raise NotOpen(f"step {min(lacking)}, which {self._step_key} loads from, has not ended")
        return ready

    def _outputs_of(self, step_keys: set[str]) -> Sequence[Wanted]:
        """Want the outputs that these steps made. Of a step with one output the fact is enough."""
        single = {key for key in step_keys if self._plan.only_output(key) is not None}
        kinds = (DagsterEventType.STEP_OUTPUT,)
        return [Wanted(single, kinds, text=False), Wanted(step_keys - single, kinds)]

    def _made(self, events: Iterable[StepEvent]) -> set[StepOutputHandle]:
        return {self._output(e) for e in events if e.kind is DagsterEventType.STEP_OUTPUT}

    def _output(self, event: StepEvent) -> StepOutputHandle:
        if event.text is None:
            return StepOutputHandle(event.step_key, str(self._plan.only_output(event.step_key)))
        return event.output
