"""Which code location serves a run: its record decides, and never a name alone."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from dagster._core import code_pointer
from dagster._core.code_pointer import (
    CodePointer,
    CustomPointer,
    FileCodePointer,
    ModuleCodePointer,
    PackageCodePointer,
)

from dagster_taskiq.host.base.locations import IDLE_SECONDS, MOST_OF_RUNS, Is, Location, Locations
from dagster_taskiq.host.code.importing import CodeLocation, location_of_flags
from dagster_taskiq.host.code.sources import RunCode, Source, source_of_pointer
from dagster_taskiq.host.options import location_origins
from dagster_taskiq.host.wire.errors import error_info

if TYPE_CHECKING:
    from pathlib import Path

MISSING = "/no/such/directory"


def located(name: str, source: Source) -> CodeLocation:
    return CodeLocation(name, name, source, lambda: None)


def run_code(name: str | None, source: Source) -> RunCode:
    return RunCode(name, source, "", plain=True)


def module(directory: str | None) -> Source:
    return Source("module", "definitions", directory)


# The first supported versions of Dagster know no such entry.
AUTOLOAD = (
    [("autoload_defs_module: {module_name: a.defs}", Source("autoload", "a.defs", None))]
    if hasattr(code_pointer, "AutoloadDefsModuleCodePointer")
    else []
)


@pytest.fixture
def places(tmp_path):
    for name in ("north", "south"):
        (tmp_path / name).mkdir()
    return str(tmp_path / "north"), str(tmp_path / "south")


@pytest.mark.parametrize(
    ("pointer", "source"),
    [
        (FileCodePointer("/x/a.py", "defs", "/x"), Source("file", "/x/a.py", "/x")),
        (ModuleCodePointer("a.b", "defs", None), Source("module", "a.b", None)),
        (PackageCodePointer("a.b", "other", "/x"), Source("module", "a.b", "/x")),
    ],
)
def test_pointers_of_one_module_are_the_same_source(pointer: CodePointer, source: Source):
    assert source_of_pointer(pointer) == source


def test_a_pointer_of_another_kind_is_only_itself():
    def pointer(argument: str) -> CustomPointer:
        return CustomPointer(ModuleCodePointer("makes", "job", None), [argument], [])

    assert source_of_pointer(pointer("x")) == source_of_pointer(pointer("x"))
    assert source_of_pointer(pointer("x")) != source_of_pointer(pointer("y"))


@pytest.mark.parametrize(
    ("entry", "source"),
    [
        ("python_module: a.b", Source("module", "a.b", None)),
        ("python_package: {package_name: p, working_directory: /x}", Source("module", "p", "/x")),
        ("python_file: {relative_path: a.py, location_name: l}", Source("file", "{here}/a.py", "")),
        *AUTOLOAD,
        ("grpc_server: {host: h, port: 4000}", None),
        ("grpc_server: {socket: /run/code.sock, location_name: l}", None),
    ],
)
def test_every_kind_of_workspace_entry_is_imported_or_left_out(entry, source, tmp_path, capfd):
    workspace = tmp_path / "workspace.yaml"
    workspace.write_text(f"load_from:\n  - {entry}\n")
    [origin] = location_origins(["-w", str(workspace)])
    location = location_of_flags(origin)
    if source is None:
        assert location is None
        assert f"code location {origin.location_name} is not Python code" in capfd.readouterr().err
        return
    assert location is not None
    assert location.source.kind == source.kind
    assert location.source.target == source.target.format(here=tmp_path)
    assert capfd.readouterr().err == ""


def test_a_name_of_the_flags_is_served_by_its_own_code_alone(places):
    north, south = places
    both = [located("north", module(north)), located("south", module(south))]
    locations = Locations(both)
    for name, directory in (("north", north), ("south", south)):
        found = locations.find(run_code(name, module(directory)), 0.0)
        assert found is not None
        assert found.code.name == name
    odd = locations.find(run_code("north", module(south)), 0.0)
    assert odd is not None
    assert not odd.of_flags


def test_a_name_that_the_worker_does_not_know_is_found_by_its_code(places):
    north, south = places
    locations = Locations([located("north", module(north)), located("south", module(south))])
    exact = locations.find(run_code("grpc:4000", module(south)), 0.0)
    assert exact is not None
    assert exact.code.name == "south"
    # Launched from another container: either might be meant.
    doubtful = locations.find(run_code("grpc:4000", module(MISSING)), 0.0)
    assert doubtful is not None
    assert not doubtful.of_flags
    [alone] = Locations([located("north", module(north))]).of_flags
    assert Locations([alone.code]).find(run_code(None, module(MISSING)), 0.0).of_flags  # type: ignore[union-attr]


def test_locations_of_runs_are_bounded_and_end_when_idle():
    locations = Locations([])
    found = [find(locations, number, at=float(number)) for number in range(MOST_OF_RUNS)]
    assert find(locations, 0, at=50.0) is found[0]
    assert find(locations, 99, at=60.0) is not None
    assert found[1] not in list(locations), "the one that was idle for longest made room"
    for location in locations:
        location.state = Is.IMPORTING
    assert find(locations, 100, at=70.0) is None
    for location in locations:
        location.state = Is.ABSENT
    locations.end_idle(IDLE_SECONDS + 55.0)
    assert [each.code.name for each in locations] == ["l99"]


def find(locations: Locations, number: int, *, at: float) -> Location | None:
    return locations.find(run_code(f"l{number}", module(None)), at)


def test_a_failed_import_is_tried_again_ever_less_often():
    location = Location(located("l", module(None)), of_flags=True)
    waits = []
    for _ in range(7):
        location.fail(error_info("E", ""), 100.0)
        waits.append(location.retries_at - 100.0)
    assert waits == [1, 2, 4, 8, 16, 30, 30]
    location.succeed([])
    location.fail(error_info("LocationHostLost", ""), 100.0)
    assert location.must_import(100.0)


def test_a_location_that_fails_for_days_is_still_imported_again():
    location = Location(located("l", module(None)), of_flags=True)
    for _ in range(1_100):
        location.fail(error_info("E", ""), 100.0)
    assert location.retries_at == 130.0


def test_a_relative_file_is_found_where_the_host_runs(tmp_path: Path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    pointer = FileCodePointer("a.py", "defs", None)
    assert source_of_pointer(pointer).target == str(tmp_path / "a.py")
