"""One Dagster instance on SQLite and one step host for the session; runs made by the test."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import pytest
from dagster import DagsterInstance, DagsterRun, DagsterRunStatus
from dagster._core.code_pointer import ModuleCodePointer
from dagster._core.definitions.reconstruct import (
    ReconstructableJob,
    ReconstructableRepository,
)
from dagster._core.execution.api import create_execution_plan
from forked_hosts import ForkedHosts
from orders import job_at
from worker_double import CODE, LOCATION, WorkerDouble

if TYPE_CHECKING:
    from pathlib import Path

    from dagster._core.execution.plan.state import KnownExecutionState

sys.path.insert(0, str(CODE))


@pytest.fixture(scope="session")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    home = tmp_path_factory.mktemp("home")
    (home / "dagster.yaml").write_text("telemetry:\n  enabled: false\n")
    return home


@pytest.fixture(scope="session")
def instance(home: Path) -> Iterator[DagsterInstance]:
    with DagsterInstance.from_config(str(home)) as instance:
        yield instance


@pytest.fixture(scope="session")
def forked_hosts() -> Iterator[ForkedHosts]:
    """Fork hosts from a process that has imported Dagster; it starts with the first host."""
    hosts = ForkedHosts()
    yield hosts
    hosts.close()


@pytest.fixture(scope="session")
def start_worker(home: Path, forked_hosts: ForkedHosts) -> Iterator[Callable[..., WorkerDouble]]:
    """Start further hosts, each of which ends with the session at the latest.

    They are forks of a process that has imported Dagster, which saves most of a test's CPU time.
    With `fresh=True` a host is a new interpreter, as the worker starts it. A test needs that if it
    is about the host's own start: its import of Dagster, its arguments, its `ready` or `fatal`,
    its threads, its connections. A host that is another program, or that looks for modules
    elsewhere, is always fresh. So is `worker`, which most tests use.
    """
    started: list[WorkerDouble] = []

    def start(*flags: str, at: Path = home, fresh: bool = False, **options: Any) -> WorkerDouble:
        fresh = fresh or "program" in options or "PYTHONPATH" in (options.get("env") or {})
        hosts = None if fresh else forked_hosts
        started.append(WorkerDouble(at, *flags, hosts=hosts, **options))
        return started[-1]

    yield start
    for worker in started:
        worker.hang_up()
    for worker in started:
        worker.close()


@pytest.fixture(scope="session")
def worker(start_worker: Callable[..., WorkerDouble]) -> WorkerDouble:
    worker = start_worker(*LOCATION, fresh=True)
    worker.await_frame("ready")
    return worker


@pytest.fixture
def asset_job() -> ReconstructableJob:
    pointer = ModuleCodePointer("host_jobs", "defs", str(CODE))
    return ReconstructableRepository(pointer).get_reconstructable_job("rain_job")


@pytest.fixture
def create_run(instance: DagsterInstance) -> Callable[..., DagsterRun]:
    def create(
        job: str,
        *,
        config: Mapping[str, Any] | None = None,
        ops: Mapping[str, Any] | None = None,
        status: DagsterRunStatus = DagsterRunStatus.STARTED,
        recon: ReconstructableJob | None = None,
        instance: DagsterInstance = instance,
        step_keys: Sequence[str] | None = None,
        known_state: KnownExecutionState | None = None,
        **options: Any,
    ) -> DagsterRun:
        recon = recon or job_at("host_jobs", job)
        ops = {job: {"config": config}} if config else ops
        run_config = {"ops": ops} if ops else {}
        return instance.create_run_for_job(
            job_def=recon.get_definition(),
            execution_plan=create_execution_plan(
                recon,
                run_config=run_config,
                step_keys_to_execute=step_keys,
                known_state=known_state,
                instance_ref=instance.get_ref() if known_state else None,
            ),
            job_code_origin=recon.get_python_origin(),
            run_config=run_config,
            status=status,
            **options,
        )

    return create
