"""Dagster's internals that the run worker uses: executor, step handler and resuming.

Each name was seen in every version of `SEEN_IN` unless its line says otherwise.
"""

from __future__ import annotations

import contextlib
from importlib import import_module
from typing import Any

from dagster._core.execution.context.system import IStepContext, PlanOrchestrationContext
from dagster._core.execution.plan.plan import ExecutionPlan
from dagster._core.execution.retries import get_retries_config
from dagster._core.execution.tags import get_tag_concurrency_limits_config
from dagster._core.executor.step_delegating import (
    CheckStepHealthResult,
    StepDelegatingExecutor,
    StepHandler,
    StepHandlerContext,
)
from dagster._core.storage.event_log import (
    EventLogStorage,
    SqlEventLogStorage,
    SqlEventLogStorageTable,
    SqliteEventLogStorage,
)
from dagster._utils.concurrency import ConcurrencyClaimStatus, ConcurrencySlotStatus

StepDependencyConfig: Any = None
get_step_dependency_config_field: Any = None
# Dagster has both since 1.11.10.
with contextlib.suppress(ImportError):
    _module: Any = import_module("dagster._core.execution.step_dependency_config")
    StepDependencyConfig = _module.StepDependencyConfig
    get_step_dependency_config_field = _module.get_step_dependency_config_field

__all__ = [
    "CheckStepHealthResult",
    "ConcurrencyClaimStatus",
    "ConcurrencySlotStatus",
    "EventLogStorage",
    "ExecutionPlan",
    "IStepContext",
    "PlanOrchestrationContext",
    "SqlEventLogStorage",
    "SqlEventLogStorageTable",
    "SqliteEventLogStorage",
    "StepDelegatingExecutor",
    "StepDependencyConfig",
    "StepHandler",
    "StepHandlerContext",
    "get_retries_config",
    "get_step_dependency_config_field",
    "get_tag_concurrency_limits_config",
]
