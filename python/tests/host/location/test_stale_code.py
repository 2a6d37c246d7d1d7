"""A step that the run was planned with and the loaded code lacks: the code is imported again."""

from __future__ import annotations

import sys

import pytest
from dagster._core.definitions.reconstruct import ReconstructableJob
from orders import job_at, run_order, terminal_events
from worker_double import refuse

# What it is made from is nowhere below the project, where a change would be seen.
FROM_TABLES = """
import os
from pathlib import Path
from dagster import Definitions, job, op

TABLES = os.popen(f"cat {os.environ['TABLES']}").read().split()

def table(name):
    @op(name=name)
    def load():
        return name
    return load

@job
def loads():
    for name in TABLES:
        table(name)()

defs = Definitions(jobs=[loads])
"""


@pytest.fixture
def tables(tmp_path, monkeypatch):
    tables = tmp_path / "tables"
    monkeypatch.setenv("TABLES", str(tables))
    tables.write_text("orders")
    (tmp_path / "from_tables.py").write_text(FROM_TABLES)
    yield tables
    sys.modules.pop("from_tables", None)


def test_a_step_missing_in_stale_code_costs_no_start_unless_the_disk_lacks_it_too(
    start_worker, instance, create_run, tables, tmp_path
):
    worker = start_worker("-m", "from_tables", "-d", str(tmp_path))
    worker.await_frame("ready")
    tables.write_text("orders customers")
    run = create_run("loads", recon=job_at("from_tables", "loads", tmp_path))
    outcome = worker.outcome(worker.start("run", **run_order(run, "customers")))
    assert outcome["kind"] == "success", outcome
    assert "is imported again: the code as this worker has it lacks a step" in worker.log()

    sys.modules.pop("from_tables")
    ReconstructableJob.get_repository_definition.cache_clear()
    ReconstructableJob.get_definition.cache_clear()
    tables.write_text("orders customers invoices")
    run = create_run("loads", recon=job_at("from_tables", "loads", tmp_path))
    tables.write_text("orders")
    outcome = worker.outcome(worker.start("run", **run_order(run, "invoices")), refuse)
    assert (outcome["kind"], outcome["scope"]) == ("fault", "location")
    assert outcome["error"]["class"] == "CodeLacksStep"
    assert terminal_events(instance, run) == []
