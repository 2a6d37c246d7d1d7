"""The command line is read in two steps, before and after Dagster is imported."""

from __future__ import annotations

import subprocess
import sys

import pytest
from worker_double import CODE

from dagster_taskiq.host.options import UsageError, location_origins, parse_options


@pytest.mark.parametrize(
    "arguments",
    [
        ["--frames-fd", "3", "-m", "a", "-d", "x"],
        ["-m", "a", "--frames-fd=3", "-d", "x"],
    ],
)
def test_the_descriptors_flag_is_removed_from_the_arguments(arguments):
    options = parse_options(arguments)
    assert options.frames_fd == 3
    assert options.location_flags == ["-m", "a", "-d", "x"]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["-m", "a"], "--frames-fd: expected the descriptor of a socket to the worker, got none"),
        (["--frames-fd", "x"], "argument --frames-fd: invalid int value: 'x'"),
        (["--frames-fd"], "argument --frames-fd: expected one argument"),
        *(
            (
                ["--frames-fd", "3", f"--steps-per-process={wrong}"],
                f"--steps-per-process: expected a whole number from 1 to 1000, got '{wrong}'",
            )
            for wrong in ("0", "1001", "-1", "1.5", "many", "", "9" * 5)
        ),
    ],
)
def test_a_wrong_value_is_named(arguments, message):
    with pytest.raises(UsageError) as caught:
        parse_options(arguments)
    assert str(caught.value) == message


def test_a_descriptor_that_is_not_a_socket_ends_the_host():
    command = [sys.executable, "-m", "dagster_taskiq.host", "--frames-fd", "99"]
    ended = subprocess.run(command, capture_output=True, text=True, check=False)
    assert ended.returncode == 2
    assert ended.stdout == ""
    assert ended.stderr == (
        "dagster_taskiq.host: --frames-fd 99: expected an open socket:"
        " [Errno 9] Bad file descriptor\n"
    )


@pytest.mark.parametrize(
    ("flags", "names"),
    [
        ([], []),
        (["-m", "a"], ["a"]),
        (["-m", "a", "-m", "b", "-d", "/code"], ["a", "b"]),
        (["-f", str(CODE / "host_jobs.py")], ["host_jobs.py"]),
        (["-m", "a", "-a", "jobs"], ["a:jobs"]),
        (["--package-name", "p"], ["p"]),
        (["-w", "two.yaml", "-w", "more.yaml"], ["a", "b", "named", "c"]),
        (["--empty-workspace"], []),
    ],
)
def test_dagsters_own_flags_name_the_locations(flags, names, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "two.yaml").write_text("load_from:\n  - python_module: a\n  - python_module: b\n")
    (tmp_path / "more.yaml").write_text(
        "load_from:\n"
        "  - python_file: {relative_path: x.py, location_name: named, attribute: defs}\n"
        "  - python_package: {package_name: c, working_directory: src}\n"
    )
    assert [origin.location_name for origin in location_origins(flags)] == names


@pytest.mark.parametrize(
    ("file", "text", "names"),
    [
        ("pyproject.toml", "[tool.dagster]\nmodule_name = 'a'\n", ["a"]),
        ("pyproject.toml", "[tool.dg.project]\nroot_module = 'a'\n", ["a.definitions"]),
        ("pyproject.toml", "[tool.other]\n", []),
        ("workspace.yaml", "load_from:\n  - python_module: a\n", ["a"]),
    ],
)
def test_without_flags_the_project_in_the_working_directory_counts(
    file, text, names, tmp_path, monkeypatch
):
    monkeypatch.chdir(tmp_path)
    (tmp_path / file).write_text(text)
    assert [origin.location_name for origin in location_origins([])] == names
    assert [origin.location_name for origin in location_origins(["-m", "b"])] == ["b"]


@pytest.mark.parametrize(
    ("name", "value", "location"),
    [
        ("DAGSTER_MODULE_NAME", "a", "a"),
        ("DAGSTER_PYTHON_FILE", "a.py", "a.py"),
        ("DAGSTER_PACKAGE_NAME", "a", "a"),
    ],
)
def test_environment_variables_of_dagster_count_without_flags(
    name, value, location, tmp_path, monkeypatch
):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv(name, value)
    assert [origin.location_name for origin in location_origins([])] == [location]
    assert [origin.location_name for origin in location_origins(["-m", "b"])] == ["b"]


def test_directory_and_attribute_of_the_environment_count(monkeypatch):
    monkeypatch.setenv("DAGSTER_MODULE_NAME", "a")
    monkeypatch.setenv("DAGSTER_WORKING_DIRECTORY", "/code")
    monkeypatch.setenv("DAGSTER_ATTRIBUTE", "defs")
    [origin] = location_origins([])
    target = origin.loadable_target_origin
    assert (target.module_name, target.working_directory, target.attribute) == (
        "a",
        "/code",
        "defs",
    )


def test_wrong_flags_are_named():
    with pytest.raises(UsageError) as caught:
        location_origins(["-m", "a", "-f", "b.py"])
    assert str(caught.value) == (
        "Invalid set of CLI arguments for loading repository/job. See --help for details."
        " (got: -m a -f b.py)"
    )
