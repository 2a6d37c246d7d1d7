"""Runs a step by Dagster's own means: the body of `dagster api execute_step`, in this process."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from dagster_taskiq.dagster_internals.host import (
    DagsterInvalidSubsetError,
    DagsterInvariantViolationError,
    ExecuteStepArgs,
    StepHandle,
    create_execution_plan,
    execute_plan_iterator,
    execute_step_body,
    recon_job_from_origin,
)
from dagster_taskiq.dagster_internals.shared import RetryMode
from dagster_taskiq.host.wire.errors import error_info
from dagster_taskiq.host.wire.outcomes import CODE_LACKS_STEP, MachineryFault
from dagster_taskiq.host.work.built_job import BuiltJob

if TYPE_CHECKING:
    from dagster import DagsterEvent, DagsterInstance, DagsterRun

    from dagster_taskiq.dagster_internals.host import JobPythonOrigin, ReconstructableJob
    from dagster_taskiq.dagster_internals.shared import KnownExecutionState
    from dagster_taskiq.envelope import Envelope
    from dagster_taskiq.host.wire.frames import ErrorInfo


def code_origin(run: DagsterRun) -> JobPythonOrigin:
    """Return where the run's code is. The run record decides, never the message."""
    if run.job_code_origin is None:
        raise MachineryFault("step", f"run {run.run_id} does not say where its code is")
    return run.job_code_origin


def location_of(run: DagsterRun) -> str | None:
    """Return the name of the code location that the run was launched from."""
    return None if run.remote_job_origin is None else run.remote_job_origin.location_name


def load_job(instance: DagsterInstance, run: DagsterRun, broken: ErrorInfo | None = None) -> None:
    """Import the run's code location, so that its failure is not taken for the step's.

    Dagster's body asks for the same job right after, and finds it cached. `broken`: why the import
    fails, where another process has found out.
    """
    origin = code_origin(run)
    if broken is not None:
        text = f"cannot import {origin.get_repo_pointer()}: {broken['class']}: {broken['message']}"
        raise MachineryFault("location", text, error=broken)
    instance.inject_env_vars(location_of(run))
    try:
        _reconstructable(instance, run, origin).get_repository_definition()
    except BaseException as error:  # user code at import may well call sys.exit
        raise MachineryFault("location", f"cannot import {origin.get_repo_pointer()}") from error


def require_step(instance: DagsterInstance, run: DagsterRun, step_key: str) -> None:
    """Raise a fault of the location if the code, as it is loaded, lacks this planned step."""
    lack = _lack_of(_reconstructable(instance, run, code_origin(run)), step_key)
    if lack is not None:
        message = (
            f"the code as this worker has it lacks a step that the run was planned with: {lack}"
        )
        raise MachineryFault("location", message, error=error_info(CODE_LACKS_STEP, message))


def _lack_of(job: ReconstructableJob, step_key: str) -> str | None:
    repository = job.get_repository_definition()
    if repository is not None and not repository.has_job(job.job_name):
        return f"there is no job {job.job_name}"
    handle = StepHandle.parse_from_key(step_key).node_handle
    try:
        definition = job.get_definition()
    except DagsterInvalidSubsetError as error:
        return str(error)
    try:
        definition.get_node(handle)
    except DagsterInvariantViolationError as error:
        return str(error)
    return None


def build_for_later_steps(instance: DagsterInstance, run: DagsterRun) -> BuiltJob | None:
    """Build the run's job and whole plan. `None`: Dagster must do it for each step."""
    if run.has_repository_load_data:
        return None
    try:
        job = _reconstructable(instance, run, code_origin(run))
        return BuiltJob.build(job, run.run_config)
    except Exception:  # noqa: BLE001 - Dagster raises it again where a step begins
        return None


def execute(
    instance: DagsterInstance, run: DagsterRun, envelope: Envelope, state: KnownExecutionState
) -> None:
    """Run the step to its end; every event is written as it comes. Raises what Dagster raises."""
    args = ExecuteStepArgs(
        job_origin=code_origin(run),
        run_id=run.run_id,
        step_keys_to_execute=[envelope.step_key],
        instance_ref=None,
        retry_mode=RetryMode(envelope.retry_mode),
        known_state=state,
        # Verifying would silently refuse a rerun; the ledger and the log have decided already.
        should_verify_step=False,
    )
    body = execute_step_body or _public_body
    for _event in body(args, instance, run):
        pass


def _public_body(
    args: ExecuteStepArgs, instance: DagsterInstance, run: DagsterRun
) -> Iterator[DagsterEvent]:
    job = _reconstructable(instance, run, code_origin(run))
    plan = create_execution_plan(
        job,
        run_config=run.run_config,
        step_keys_to_execute=list(args.step_keys_to_execute or []),
        known_state=args.known_state,
        repository_load_data=job.repository.repository_load_data,
    )
    yield from execute_plan_iterator(
        plan, job, run, instance, run_config=run.run_config, retry_mode=args.retry_mode
    )


def _reconstructable(
    instance: DagsterInstance, run: DagsterRun, origin: JobPythonOrigin
) -> ReconstructableJob:
    job = recon_job_from_origin(origin)
    return job.with_repository_load_data(_load_data(instance, run)).get_subset(
        op_selection=run.resolved_op_selection,
        asset_selection=run.asset_selection,
        asset_check_selection=run.asset_check_selection,
    )


def _load_data(instance: DagsterInstance, run: DagsterRun) -> Any:
    if not run.has_repository_load_data or run.execution_plan_snapshot_id is None:
        return None
    return instance.get_execution_plan_snapshot(run.execution_plan_snapshot_id).repository_load_data
