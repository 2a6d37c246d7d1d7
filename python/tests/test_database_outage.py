"""Dagster's database goes away under a run worker that polls: its return decides the run's fate."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator

import psycopg2
import pytest
from dagster import DagsterInstance, DagsterRun, DagsterRunStatus
from dagster._cli.api import recon_job_from_origin
from dagster._grpc.impl import core_execute_run
from dagster_postgres.utils import DagsterPostgresException

from postgres import dagster_yaml
from runs import create_run, executor_config, record_success, resume, status
from sqs_double import SqsDouble

# How often Dagster tries to connect before a call of its storage fails.
ATTEMPTS = 6


class Database(logging.Handler):
    """A database for one instance, which its server can refuse to everyone.

    Dagster logs each connection that fails. The handler counts them, to end the outage by count.
    """

    def __init__(self, server: str) -> None:
        super().__init__()
        self.url = server.removesuffix("postgres") + "outages"
        self._admin = psycopg2.connect(server)
        self._admin.autocommit = True
        self._do("create database outages")
        self.failures_left: int | None = None

    def go_down(self, failures: int | None) -> None:
        """Refuse connections, until so many have failed. None: until `come_back`."""
        self.failures_left = failures
        self._do("alter database outages allow_connections false")
        self._do("select pg_terminate_backend(pid) from pg_stat_activity where datname = 'outages'")

    def come_back(self) -> None:
        self._do("alter database outages allow_connections true")

    def emit(self, record: logging.LogRecord) -> None:
        if self.failures_left and "failed database connection" in record.getMessage():
            self.failures_left -= 1
            if self.failures_left == 0:
                self.come_back()

    def _do(self, statement: str) -> None:
        with self._admin.cursor() as cursor:
            cursor.execute(statement)


@pytest.fixture(scope="module")
def database(postgres_url: str) -> Iterator[Database]:
    database = Database(postgres_url)
    logging.getLogger().addHandler(database)
    yield database
    logging.getLogger().removeHandler(database)


@pytest.fixture(scope="module")
def instance(
    database: Database, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[DagsterInstance]:
    home = tmp_path_factory.mktemp("outages")
    (home / "dagster.yaml").write_text(
        "telemetry:\n  enabled: false\n" + dagster_yaml(database.url)
    )
    with DagsterInstance.from_config(str(home)) as opened:
        yield opened


Work = Callable[[DagsterRun, "int | None"], None]


@pytest.fixture
def work(database: Database, instance: DagsterInstance, monkeypatch: pytest.MonkeyPatch) -> Work:
    """Be the run worker, as Dagster's launchers start it, and lose the database while it polls."""
    # Version 1.13 waits for 11 s between the six attempts of one call.
    monkeypatch.setattr("dagster_postgres.utils.calculate_delay", lambda **_: 0.0, raising=False)

    def work(run: DagsterRun, failures: int | None) -> None:
        assert run.job_code_origin is not None
        job = recon_job_from_origin(run.job_code_origin)
        for event in core_execute_run(job, run, instance, inject_env_vars=False):
            if (event.step_key, event.event_type_value) == ("tick_b", "STEP_WORKER_STARTING"):
                for step in ("tick_a", "tick_b"):
                    record_success(instance, run, step)
                database.go_down(failures)
        assert database.failures_left == 0, "the run worker has not missed its database"

    return work


@pytest.fixture
def run(instance: DagsterInstance, sqs: SqsDouble) -> DagsterRun:
    return create_run(instance, "ticks", executor_config(sqs))


def test_a_run_goes_on_when_the_database_is_back_before_a_call_gives_up(
    instance: DagsterInstance, run: DagsterRun, work: Work
) -> None:
    work(run, ATTEMPTS - 1)
    assert status(instance, run) is DagsterRunStatus.SUCCESS


def test_a_run_fails_when_the_database_is_back_before_the_run_worker_ends(
    instance: DagsterInstance, run: DagsterRun, work: Work
) -> None:
    work(run, ATTEMPTS)
    assert status(instance, run) is DagsterRunStatus.FAILURE


def test_a_run_stays_started_when_the_database_is_back_after_the_run_worker_ended(
    database: Database, instance: DagsterInstance, run: DagsterRun, work: Work
) -> None:
    """Run monitoring then finds a started run without a run worker, which it resumes."""
    with pytest.raises(DagsterPostgresException):
        work(run, None)
    database.come_back()
    assert status(instance, run) is DagsterRunStatus.STARTED
    resume(instance, run)
    assert status(instance, run) is DagsterRunStatus.SUCCESS
