"""A writer of the queue names a step and nothing else, because code comes from the run record."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from orders import run_order, terminal_events

if TYPE_CHECKING:
    from pathlib import Path

EVIL = """
from pathlib import Path

Path(__file__).with_suffix(".ran").touch()
"""


def hostile_fields(code: Path, home: Path) -> dict[str, Any]:
    """Make every field that Dagster's own step arguments have, and what looks like one."""
    pointer = {
        "__class__": "FileCodePointer",
        "python_file": str(code),
        "fn_name": "evil",
        "working_directory": str(code.parent),
    }
    repository = {
        "__class__": "RepositoryPythonOrigin",
        "executable_path": "/bin/false",
        "code_pointer": pointer,
        "container_image": None,
        "entry_point": [str(code)],
        "container_context": None,
    }
    origin = {
        "__class__": "PipelinePythonOrigin",
        "pipeline_name": "evil",
        "repository_origin": repository,
    }
    return {
        "job_origin": origin,
        "pipeline_origin": origin,
        "job_code_origin": origin,
        "code_pointer": pointer,
        "entry_point": [str(code)],
        "instance_ref": {"__class__": "InstanceRef", "base_dir": str(home)},
        "module_name": code.stem,
        "python_file": str(code),
        "op_config": {"module": code.stem},
        "inputs": {"code": str(code)},
        "run_config": {"ops": {"greet": {"config": {"code": str(code)}}}},
        "env": {"PYTHONSTARTUP": str(code), "DAGSTER_HOME": str(home)},
    }


def test_fields_that_name_code_or_an_instance_are_ignored(worker, instance, create_run, tmp_path):
    code = tmp_path / "evil.py"
    code.write_text(EVIL)
    home = tmp_path / "evil_home"
    home.mkdir()
    run = create_run("greet")
    order = run_order(run, "greet", **hostile_fields(code, home))

    outcome = worker.outcome(worker.start("run", **order))

    assert outcome["kind"] == "success", outcome
    assert terminal_events(instance, run) == ["STEP_SUCCESS"]
    assert not code.with_suffix(".ran").exists()
    assert list(home.iterdir()) == []
    # The trap works: importing it is found out.
    exec(compile(EVIL, str(code), "exec"), {"__file__": str(code)})
    assert code.with_suffix(".ran").exists()
