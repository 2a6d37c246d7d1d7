"""A step's process uses no database of Dagster's until its code, or Dagster, asks for one."""

from __future__ import annotations

import pytest
from orders import SUCCESS, events, job_at, run_order
from worker_double import CODE


@pytest.fixture(scope="module")
def connecting(start_worker):
    worker = start_worker("-m", "connecting", "-d", str(CODE), fresh=True)
    worker.await_frame("ready")
    return worker


@pytest.mark.parametrize("tags", [{}, {"taskiq/isolation": "spawn"}])
def test_a_step_that_does_not_use_the_instance_connects_to_nothing(
    connecting, instance, create_run, tmp_path, tags
):
    ops = {"counts": {"config": {"file": str(tmp_path / "count")}}}
    run = create_run("counts", ops=ops, recon=job_at("connecting", "counts"))
    outcome = connecting.outcome(connecting.start("run", **run_order(run, "counts", tags=tags)))
    assert outcome["kind"] == "success"
    assert (tmp_path / "count").read_text() == "0"
    assert [name for name in events(instance, run) if name] == SUCCESS


def test_a_step_that_reads_the_log_finds_what_it_has_logged(connecting, create_run, tmp_path):
    ops = {"reads_its_log": {"config": {"file": str(tmp_path / "count")}}}
    run = create_run("reads_its_log", ops=ops, recon=job_at("connecting", "reads_its_log"))
    order = connecting.start("run", **run_order(run, "reads_its_log"))
    assert connecting.outcome(order)["kind"] == "success"
    assert int((tmp_path / "count").read_text()) > 0
