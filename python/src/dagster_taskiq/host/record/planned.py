"""The plan in a run's record: what the run executes, read without loading code.

The executor's own messages name only steps of the plan. Messages of other programs may name
anything.
"""

from __future__ import annotations

import base64
import json
import zlib
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from dagster_taskiq.dagster_internals.host import (
    ExecutionStepSnap,
    ResolvedFromDynamicStepHandle,
    SnapshotsTable,
    StepHandle,
    StepOutputHandle,
    UnresolvedStepHandle,
    db_select,
    deserialize_value,
    serialize_value,
)
from dagster_taskiq.dagster_internals.shared import KnownExecutionState, SqlRunStorage

if TYPE_CHECKING:
    from dagster import DagsterInstance, DagsterRun

# The name that `@executor` gives ours; its module is not imported in the host.
OUR_EXECUTOR = "taskiq"
# As wide as the fan-in, and it says no more than the names of the outputs do.
_FAN_IN = "FromMultipleSources"
# Of base64: about a hundred thousand steps. A larger one is read by each step process.
_LARGEST_STORED = 4 * 1024 * 1024


class NotInPlan(Exception):
    """The run executes no such step."""


@dataclass(frozen=True)
class StoredPlan:
    """A run's plan as Dagster stores it, on its way to the processes that fork the run's steps."""

    snapshot_id: str
    """Dagster's digest of the plan: equal for runs with the same plan."""
    text: str
    """zlib-compressed JSON, in base64."""

    def unpacked(self) -> Plan:
        """Return the plan. Raises ValueError, KeyError or zlib.error for what is not one."""
        return Plan(json.loads(zlib.decompress(base64.b64decode(self.text))))


@dataclass(frozen=True)
class PlannedInput:
    """One input of a planned step."""

    source: Any
    """Dagster's `StepInputSource`. None for a fan-in."""
    handles: Sequence[StepOutputHandle]
    """The outputs that it loads, as far as the plan names them."""


@dataclass(frozen=True)
class PlannedStep:
    """What the plan says of one step."""

    op_name: str
    inputs: Sequence[PlannedInput]


class Plan:
    """A run's plan. Of a thousand steps it unpacks those that are asked about.

    `fields` is Dagster's serdes JSON of an ExecutionPlanSnapshot. Dagster keeps that readable from
    version to version, because it is stored; unpacking it whole takes 40 ms per thousand steps.
    """

    def __init__(self, fields: Mapping[str, Any]) -> None:
        self._steps: Mapping[str, Mapping[str, Any]] = {
            step["key"]: step for step in fields["steps"]
        }
        self._executed = frozenset(fields["step_keys_to_execute"] or self._steps)
        state = _unpacked(fields["initial_known_state"], KnownExecutionState)
        self.initial_state = state or KnownExecutionState()
        """What the run began with: of the runs that it re-executes, if there are any."""
        self.announces = fields["executor_name"] == OUR_EXECUTOR
        """Whether the run worker says in the log which attempt it sends, before it does."""

    def __len__(self) -> int:
        """Return the number of steps."""
        return len(self._steps)

    def executes(self, step_key: str) -> bool:
        """Return whether the run executes the step, or the mapped step that resolves to it."""
        return bool({step_key, unresolved(step_key)} & self._executed)

    def step(self, step_key: str) -> PlannedStep:
        """Return the step, or the mapped step that resolves to it. Raises NotInPlan."""
        packed = self._packed(step_key)
        if packed is None or not _names_one(step_key) or not self.executes(step_key):
            raise NotInPlan(f"the run executes no step {step_key}")
        return _planned(packed)

    def mapped(self, step_key: str) -> PlannedStep | None:
        """Return the mapped step that `shout[a]` is resolved from; None for other steps."""
        packed = self._steps.get(unresolved(step_key)) if unresolved(step_key) != step_key else None
        return None if packed is None else _planned(packed)

    def dynamic_outputs(self, step_key: str) -> Mapping[str, bool]:
        """Return the names of the step's dynamic outputs, and whether each is required."""
        return {
            output.name: output.properties.is_required
            for output in _unpacked(self._steps[step_key], ExecutionStepSnap).outputs
            if output.properties is not None and output.properties.is_dynamic
        }

    def only_output(self, step_key: str) -> str | None:
        """Return the name of the step's output if it has one, which is not dynamic; else None."""
        packed = self._packed(step_key)
        if packed is None or len(packed["outputs"]) != 1:
            return None
        output = packed["outputs"][0]
        name: str = output["name"]
        return None if (output.get("properties") or {"is_dynamic": True})["is_dynamic"] else name

    def _packed(self, step_key: str) -> Mapping[str, Any] | None:
        return self._steps.get(step_key) or self._steps.get(unresolved(step_key))


def stored_plans(
    instance: DagsterInstance, snapshot_ids: Collection[str]
) -> Mapping[str, StoredPlan]:
    """Read plans by one query. Raises whatever the storage raises.

    Left out are plans that are too large to hand on, and all plans of a storage that is not SQL.
    """
    storage = instance.run_storage
    if not snapshot_ids or not isinstance(storage, SqlRunStorage):
        return {}
    table = SnapshotsTable.c
    wanted = table.snapshot_id.in_(sorted(snapshot_ids))
    with storage.connect() as connection:
        rows = connection.execute(
            db_select([table.snapshot_id, table.snapshot_body]).where(wanted)
        ).fetchall()
    stored = [StoredPlan(name, base64.b64encode(body).decode()) for name, body in rows]
    return {plan.snapshot_id: plan for plan in stored if len(plan.text) <= _LARGEST_STORED}


def plan_of(instance: DagsterInstance, run: DagsterRun) -> Plan | None:
    """Read the plan; None for a run that has none. Raises whatever the storage raises."""
    if run.execution_plan_snapshot_id is None:
        return None
    text = _stored(instance, run.execution_plan_snapshot_id)
    if text is None:
        snapshot = instance.get_execution_plan_snapshot(run.execution_plan_snapshot_id)
        text = serialize_value(snapshot)
    fields = json.loads(text)
    return None if fields is None else Plan(fields)


def unresolved(step_key: str) -> str:
    """Return `shout[?]` for `shout[a]`, and other keys as they are."""
    if "[" not in step_key:
        return step_key  # a collect asks for a thousand, and parsing takes its time
    handle = StepHandle.parse_from_key(step_key)
    if isinstance(handle, ResolvedFromDynamicStepHandle):
        return handle.unresolved_form.to_key()
    return step_key


def mapping_key_of(step_key: str) -> str | None:
    """Return `a` for `shout[a]`; None for steps that are not mapped."""
    handle = StepHandle.parse_from_key(step_key)
    return handle.mapping_key if isinstance(handle, ResolvedFromDynamicStepHandle) else None


def _names_one(step_key: str) -> bool:
    """Return whether the step's events will bear this key.

    Dagster reads `shout[a]…` as `shout[a]`, whose terminal event the gate would let pass.
    `shout[?]` stands for all steps that will be mapped.
    """
    handle = StepHandle.parse_from_key(step_key)
    return handle.to_key() == step_key and not isinstance(handle, UnresolvedStepHandle)


def _stored(instance: DagsterInstance, snapshot_id: str) -> str | None:
    """Return the text in Dagster's SQL storages; None in others."""
    storage = instance.run_storage
    if not isinstance(storage, SqlRunStorage):
        return None
    table = SnapshotsTable.c
    query = db_select([table.snapshot_body]).where(table.snapshot_id == snapshot_id)
    with storage.connect() as connection:
        row = connection.execute(query).fetchone()
    return None if row is None else zlib.decompress(row[0]).decode()


def _planned(packed: Mapping[str, Any]) -> PlannedStep:
    inputs = [PlannedInput(_source(each), _handles(each)) for each in packed["inputs"]]
    return PlannedStep(packed["solid_handle_id"].rpartition(".")[2], inputs)


def _source(packed: Mapping[str, Any]) -> Any:
    source = packed["source"]
    if source is None or source["__class__"] == _FAN_IN:
        return None
    # Without a type: Dagster's union of sources is none that serdes can check.
    return _unpacked(source, None)


def _handles(packed: Mapping[str, Any]) -> Sequence[StepOutputHandle]:
    """Read them from the JSON: serdes would take twenty times as long for a fan-in of thousands."""
    return [
        StepOutputHandle(handle["step_key"], handle["output_name"], handle["mapping_key"])
        for handle in packed["upstream_output_handles"]
    ]


def _unpacked(packed: Any, kind: Any) -> Any:
    return None if packed is None else deserialize_value(json.dumps(packed), kind)
