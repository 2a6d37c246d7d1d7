"""What all tests share: no settings of the machine, a Dagster instance, an SQS server."""

import os
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from dagster import DagsterInstance

from dagster_taskiq.host.code.preload import preload
from postgres import postgres_server
from sqs_double import SqsDouble
from step_worker import StepProcess, StepWorker

preload()

DAGSTER_YAML = """
telemetry:
  enabled: false
compute_logs:
  module: dagster._core.storage.noop_compute_log_manager
  class: NoOpComputeLogManager
"""


@pytest.fixture(autouse=True)
def _no_settings_of_this_machine(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in list(os.environ):
        if name.startswith(("AWS_", "TASKIQ_", "DAGSTER_")):
            monkeypatch.delenv(name)
    # boto3 signs requests even when the server does not look at them.
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "test")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "test")
    monkeypatch.setenv("AWS_DEFAULT_REGION", "eu-north-1")
    monkeypatch.setenv("AWS_CONFIG_FILE", os.devnull)
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", os.devnull)


@pytest.fixture(scope="session")
def empty_home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A directory of an instance whose databases are made, which takes longer than most tests."""
    home = tmp_path_factory.mktemp("empty") / "dagster"
    home.mkdir()
    (home / "dagster.yaml").write_text(DAGSTER_YAML)
    DagsterInstance.from_config(str(home)).dispose()
    return home


@pytest.fixture
def dagster_home(empty_home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A directory that makes any process use this test's instance."""
    home = tmp_path / "dagster"
    shutil.copytree(empty_home, home)
    monkeypatch.setenv("DAGSTER_HOME", str(home))
    return home


@pytest.fixture
def instance(dagster_home: Path) -> Iterator[DagsterInstance]:
    with DagsterInstance.from_config(str(dagster_home)) as opened:
        yield opened


@pytest.fixture(scope="session")
def postgres_url() -> Iterator[str]:
    """One server for all tests that need one."""
    with postgres_server() as url:
        yield url


@pytest.fixture
def sqs() -> Iterator[SqsDouble]:
    with SqsDouble() as server:
        yield server


@pytest.fixture(scope="session")
def step_process() -> Iterator[StepProcess]:
    process = StepProcess()
    yield process
    process.close()


@pytest.fixture
def worker(sqs: SqsDouble, dagster_home: Path, step_process: StepProcess) -> StepWorker:
    """Works while it is entered."""
    return StepWorker(sqs, dagster_home, step_process)
