"""Under `taskiq dev`, the worker's log names the jobs whose steps it will never see."""

from __future__ import annotations

import pytest
from dagster import Definitions, asset, job, op

from dagster_taskiq import taskiq_executor
from dagster_taskiq.host.code.other_executors import warn_of_other_executors


@op
def does_nothing() -> None: ...


@job
def plain():
    does_nothing()


@job(executor_def=taskiq_executor.configured({"queue_name": "steps.fifo"}))
def ours():
    does_nothing()


@asset
def table() -> None: ...


@pytest.fixture
def said(capfd, monkeypatch):
    def said(definitions: object) -> str:
        monkeypatch.setenv("TASKIQ_LOCAL_SQS", "http://127.0.0.1:9324")
        warn_of_other_executors(definitions)
        return str(capfd.readouterr().err)

    return said


def test_jobs_without_the_executor_are_named(said) -> None:
    assert "in their run workers: materializations of assets, plain." in said(
        Definitions(jobs=[plain, ours], assets=[table])
    )


def test_no_warning_is_given_when_every_job_has_the_executor(said) -> None:
    all_ours = Definitions(jobs=[plain, ours], assets=[table], executor=taskiq_executor)
    assert said(all_ours) == ""


def test_a_job_without_a_repository_is_checked_for_the_executor(said) -> None:
    assert "in their run workers: plain." in said(plain)
    assert said(ours) == ""


def test_a_deployed_worker_gives_no_warning_of_other_executors(capfd, monkeypatch) -> None:
    monkeypatch.delenv("TASKIQ_LOCAL_SQS", raising=False)
    warn_of_other_executors(Definitions(jobs=[plain]))
    assert capfd.readouterr().err == ""
