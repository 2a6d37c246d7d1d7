"""Runs whose steps go to the server of `taskiq dev` say so, and no others."""

from __future__ import annotations

import socket

import pytest
from dagster import DagsterInstance, job

from dagster_taskiq.local_run import LOCAL_TAG, mark_local_run


@job
def empty() -> None: ...


@pytest.mark.parametrize("local", ["http://127.0.0.1:9324", None])
def test_a_run_is_marked_where_taskiq_dev_serves_the_queue(
    monkeypatch: pytest.MonkeyPatch, local: str | None
) -> None:
    monkeypatch.delenv("TASKIQ_LOCAL_SQS", raising=False)
    if local:
        monkeypatch.setenv("TASKIQ_LOCAL_SQS", local)
    with DagsterInstance.ephemeral() as instance:
        run = instance.create_run_for_job(empty)
        mark_local_run(instance, run.run_id)
        marked = instance.get_run_by_id(run.run_id)
    assert marked is not None
    assert marked.tags.get(LOCAL_TAG) == (f"{socket.gethostname()} {local}" if local else None)
