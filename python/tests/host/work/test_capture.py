"""A step's output goes to Dagster's own compute-log files, without helper programs."""

from __future__ import annotations

from pathlib import Path

from dagster import DagsterInstance
from dagster._core.storage.compute_log_manager import ComputeIOType
from orders import find_event, run_order
from worker_double import LOCATION

NO_CAPTURE = """
telemetry: {enabled: false}
compute_logs:
  module: dagster._core.storage.noop_compute_log_manager
  class: NoOpComputeLogManager
"""
STDOUT = 'printed\n{"type":"outcome","id":"w1"}\nfrom a subprocess\n'


def test_the_output_of_a_step_is_captured(worker, instance, create_run):
    run = create_run("noisy")
    frames = worker.finish(worker.start("run", **run_order(run, "noisy")))
    assert frames[-2]["outcome"]["kind"] == "success"
    [capture] = [f for f in frames if f["type"] == "capture"]
    assert Path(capture["stdout"]).read_text() == STDOUT
    stderr = Path(capture["stderr"]).read_text()
    for text in ("to stderr\n", "from a shell\n", "logged to dagster"):
        assert text in stderr

    data = find_event(instance, run, "LOGS_CAPTURED").logs_captured_data
    log_key = [run.run_id, "compute_logs", data.file_key]
    manager = instance.compute_log_manager
    assert manager.is_capture_complete(log_key)
    assert manager.get_log_data_for_type(log_key, ComputeIOType.STDOUT)[0] == STDOUT.encode()


def test_capturing_output_needs_no_other_programs(start_worker, create_run, tmp_path):
    worker = start_worker(*LOCATION, fresh=True, env={"PATH": str(tmp_path)})
    run = create_run("greet")
    frames = worker.finish(worker.start("run", **run_order(run, "greet")))
    assert [f["type"] for f in frames] == ["started", "capture", "ask", "outcome", "exited"]
    assert Path(frames[1]["stderr"]).read_text() != ""


def test_output_goes_to_the_hosts_without_a_compute_log_manager(start_worker, create_run, tmp_path):
    (tmp_path / "dagster.yaml").write_text(NO_CAPTURE)
    with DagsterInstance.from_config(str(tmp_path)) as instance:
        run = create_run("noisy", instance=instance)
    worker = start_worker(*LOCATION, at=tmp_path)
    frames = worker.finish(worker.start("run", **run_order(run, "noisy")))
    assert [f["type"] for f in frames] == ["started", "ask", "outcome", "exited"]
    assert "from a subprocess" in worker.log()
    assert "to stderr" in worker.log()
