"""Dagster's internals that the step host uses.

Each name was seen in every version of `SEEN_IN` unless its line says otherwise.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING

import dagster._cli.api as dagster_api
from dagster._cli.utils import get_instance_for_cli, has_pyproject_dagster_block
from dagster._cli.workspace.cli_target import workspace_opts_to_load_target
from dagster._config import process_config, resolve_to_config_type
from dagster._core.definitions.definitions_load_context import (
    DefinitionsLoadContext,
    DefinitionsLoadType,
)
from dagster._core.definitions.reconstruct import ReconstructableJob, repository_def_from_target_def
from dagster._core.definitions.repository_definition import RepositoryLoadData
from dagster._core.errors import DagsterInvalidSubsetError, DagsterInvariantViolationError
from dagster._core.execution.api import create_execution_plan, execute_plan_iterator
from dagster._core.execution.compute_logs import redirect_to_file
from dagster._core.execution.plan.handle import (
    ResolvedFromDynamicStepHandle,
    StepHandle,
    UnresolvedStepHandle,
)
from dagster._core.execution.plan.inputs import (
    FromDynamicCollect,
    FromPendingDynamicStepOutput,
    FromUnresolvedStepOutput,
)
from dagster._core.execution.plan.outputs import StepOutputHandle
from dagster._core.execution.plan.plan import ExecutionPlan
from dagster._core.origin import JobPythonOrigin
from dagster._core.snap.execution_plan_snapshot import ExecutionStepSnap
from dagster._core.storage.dagster_run import FINISHED_STATUSES
from dagster._core.storage.event_log.schema import SqlEventLogStorageTable
from dagster._core.storage.event_log.sql_event_log import SqlEventLogStorage
from dagster._core.storage.runs.schema import SnapshotsTable
from dagster._core.storage.sqlalchemy_compat import db_select
from dagster._core.system_config.objects import ResolvedRunConfig
from dagster._grpc.types import ExecuteStepArgs
from dagster._grpc.utils import get_loadable_targets
from dagster._serdes import deserialize_value, serialize_value
from dagster._utils import ensure_file
from dagster._utils.error import serializable_error_info_from_exc_info
from dagster._utils.hosted_user_process import recon_job_from_origin
from dagster._utils.interrupts import capture_interrupts
from dagster._utils.test.definitions import LazyDefinitions
from dagster_shared.cli import WorkspaceOpts, workspace_options

if TYPE_CHECKING:
    from dagster import DagsterEvent, DagsterInstance, DagsterRun

    # Only for types: 1.10.21 has it in another module.
    from dagster._core.remote_origin import CodeLocationOrigin as CodeLocationOrigin

Body = Callable[[ExecuteStepArgs, "DagsterInstance", "DagsterRun"], Iterator["DagsterEvent"]]

execute_step_body: Body | None = getattr(dagster_api, "_execute_step_command_body", None)
"""The body of `dagster api execute_step`. `None` means that a newer version has it no longer."""

MODULES_OF_A_STEP = (
    "dagster._core.definitions.repository_definition.repository_data_builder",
    "dagster._core.execution.plan.active",
    "dagster._core.system_config.composite_descent",
)
"""Modules that Dagster imports only while a step runs.

They were found by comparing `sys.modules` at a step's end with the host's.
"""

__all__ = [
    "FINISHED_STATUSES",
    "MODULES_OF_A_STEP",
    "Body",
    "DagsterInvalidSubsetError",
    "DagsterInvariantViolationError",
    "DefinitionsLoadContext",
    "DefinitionsLoadType",
    "ExecuteStepArgs",
    "ExecutionPlan",
    "ExecutionStepSnap",
    "FromDynamicCollect",
    "FromPendingDynamicStepOutput",
    "FromUnresolvedStepOutput",
    "JobPythonOrigin",
    "LazyDefinitions",
    "ReconstructableJob",
    "RepositoryLoadData",
    "ResolvedFromDynamicStepHandle",
    "ResolvedRunConfig",
    "SnapshotsTable",
    "SqlEventLogStorage",
    "SqlEventLogStorageTable",
    "StepHandle",
    "StepOutputHandle",
    "UnresolvedStepHandle",
    "WorkspaceOpts",
    "capture_interrupts",
    "create_execution_plan",
    "db_select",
    "deserialize_value",
    "ensure_file",
    "execute_plan_iterator",
    "execute_step_body",
    "get_instance_for_cli",
    "get_loadable_targets",
    "has_pyproject_dagster_block",
    "process_config",
    "recon_job_from_origin",
    "redirect_to_file",
    "repository_def_from_target_def",
    "resolve_to_config_type",
    "serializable_error_info_from_exc_info",
    "serialize_value",
    "workspace_options",
    "workspace_opts_to_load_target",
]
