"""A project as `create-dagster` makes it: its definitions are behind a function, in a folder."""

from __future__ import annotations

import inspect
import os
import shutil
import sys
from pathlib import Path
from textwrap import indent

import pytest
from dagster import load_from_defs_folder
from dagster._core import code_pointer
from dagster._core.code_pointer import ModuleCodePointer
from dagster._core.definitions.reconstruct import ReconstructableJob, ReconstructableRepository
from dagster._core.definitions.repository_definition import RepositoryLoadData
from orders import run_order
from worker_double import eventually

PROJECT = Path(__file__).parents[4] / "fixtures/dg_project"
MODULE = "weather_station.definitions"
SAYS_IMPORT = """
import os
with open(os.environ["IMPORTS"], "a") as imports:
    imports.write(f"{os.getpid()}\\n")
"""


@pytest.fixture
def project(tmp_path, monkeypatch):
    project = tmp_path / "project"
    shutil.copytree(PROJECT, project)
    if "path_within_project" not in inspect.signature(load_from_defs_folder).parameters:  # 1.10
        definitions = project / "src/weather_station/definitions.py"
        old = "project_root=Path(__file__).parents[2]"
        new = "path_within_project=Path(__file__).parent"
        definitions.write_text(definitions.read_text().replace(new, old))
    forecast = project / "src/weather_station/defs/forecast.py"
    forecast.write_text(forecast.read_text() + SAYS_IMPORT)
    component = project / "src/weather_station/components/measured_cities.py"
    made = "        return dg.Definitions("
    component.write_text(component.read_text().replace(made, indent(SAYS_IMPORT, " " * 8) + made))
    monkeypatch.setenv("IMPORTS", str(tmp_path / "imports"))
    # Last, as installed code is: Dagster takes the first for the directory of a script.
    monkeypatch.setattr(sys, "path", [*sys.path, str(project / "src")])
    yield project
    for name in [name for name in sys.modules if name.startswith("weather_station")]:
        del sys.modules[name]


@pytest.fixture
def create(create_run, project):
    """Create runs as the web server does: with the data that a reconstruction needs."""

    def create(pointer):
        for name in [name for name in sys.modules if name.startswith("weather_station")]:
            del sys.modules[name]
        ReconstructableJob.get_repository_definition.cache_clear()
        ReconstructableJob.get_definition.cache_clear()
        recon = ReconstructableRepository(pointer).with_repository_load_data(RepositoryLoadData())
        return create_run("everything", recon=recon.get_reconstructable_job("everything"))

    return create


def flags(project):
    return ("-m", MODULE, "-d", str(project / "src"))


def by_flags(start_worker, project, home):
    worker = start_worker(*flags(project))
    return worker, ModuleCodePointer(MODULE, "defs", str(project / "src"))


def by_autoload_in_pyproject(start_worker, project, home):
    """Start the host in the project, without flags, as the web server of `dg dev` starts there."""
    pyproject = project / "pyproject.toml"
    pyproject.write_text(pyproject.read_text() + "autoload_defs = true\n")
    # An installed project, which needs no `-d`.
    env = {"DAGSTER_HOME": str(home), "PYTHONPATH": str(project / "src")}
    worker = start_worker(at=project, env=env)
    of_autoload = code_pointer.AutoloadDefsModuleCodePointer
    return worker, of_autoload(module="weather_station.defs", working_directory=str(project))


# The first supported versions of Dagster know no `autoload_defs`.
AUTOLOAD = (
    [by_autoload_in_pyproject] if hasattr(code_pointer, "AutoloadDefsModuleCodePointer") else []
)


@pytest.mark.parametrize("start", [by_flags, *AUTOLOAD])
def test_a_defs_folder_is_imported_once_and_again_when_a_file_of_it_changes(
    start_worker, create, project, tmp_path, home, start
):
    worker, pointer = start(start_worker, project, home)
    assert worker.await_frame("ready")["locations"][0]["error"] is None
    run = create(pointer)
    for step in ("forecast", "rain_in_oslo", "rain_in_bergen"):
        outcome = worker.outcome(worker.start("run", **run_order(run, step)))
        assert outcome["kind"] == "success", outcome
    pids = [int(pid) for pid in (tmp_path / "imports").read_text().split()]
    [_host] = {pid for pid in pids if pid != os.getpid()}
    cities = project / "src/weather_station/defs/stations/defs.yaml"
    cities.write_text(cities.read_text().replace("bergen", "tromso"))

    def seen():
        """Have the host look, which it does once a second, when a step is to start."""
        worker.outcome(worker.start("run", **run_order(create(pointer), "forecast")))
        return [frame for frame in worker.seen if frame["type"] == "location"]

    [again] = eventually(seen)
    assert (again["error"], again["changed"]) == (None, str(cities))
    run = create(pointer)
    outcome = worker.outcome(worker.start("run", **run_order(run, "rain_in_tromso")))
    assert outcome["kind"] == "success", outcome


def test_a_mistake_in_a_defs_folder_is_reported_at_the_start(start_worker, project):
    (project / "src/weather_station/defs/forecast.py").write_text("def rain(:")
    [location] = start_worker(*flags(project)).await_frame("ready")["locations"]
    assert "SyntaxError" in location["error"]["traceback"]
