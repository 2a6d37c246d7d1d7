"""The step host's rooms are in an order, and each imports only rooms before it."""

from __future__ import annotations

import ast
from pathlib import Path

import dagster_taskiq.host

HOST = Path(dagster_taskiq.host.__file__).parent
PACKAGE = dagster_taskiq.host.__name__

# From the bottom to the top. "" is the folder itself, where the programs start.
ROOMS = (
    "system",
    "wire",
    "child",
    "supervise",
    "record",
    "work",
    "code",
    "recorder",
    "location",
    "base",
    "",
)


def room_of(file: Path) -> str:
    return file.relative_to(HOST).parent.as_posix().removeprefix(".")


def modules_imported_by(source: str) -> set[str]:
    """Return the imported modules of the host, whether imported at once, later, or for types."""
    found: set[str] = set()
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            found.update(alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module is not None:
            found.update(f"{node.module}.{alias.name}" for alias in node.names)
    return {name for name in found if name.startswith(f"{PACKAGE}.")}


def room_of_module(name: str) -> str:
    first = name.removeprefix(f"{PACKAGE}.").split(".")[0]
    return first if (HOST / first).is_dir() else ""


def upward_imports(sources: dict[Path, str]) -> list[str]:
    return [
        f"{file.relative_to(HOST)} imports {name}"
        for file, source in sources.items()
        for name in sorted(modules_imported_by(source))
        if ROOMS.index(room_of_module(name)) > ROOMS.index(room_of(file))
    ]


SOURCES = {file: file.read_text() for file in sorted(HOST.rglob("*.py"))}


def test_every_file_of_the_host_is_in_a_room_of_the_order():
    assert {room_of(file) for file in SOURCES} == set(ROOMS)


def test_no_room_imports_a_room_above_it():
    assert upward_imports(SOURCES) == []


def test_an_import_of_a_room_above_is_found_wherever_it_stands():
    late = "def f():\n    from dagster_taskiq.host import options, program"
    for_types = "if TYPE_CHECKING:\n    from dagster_taskiq.host.base.links import Link"
    assert upward_imports({HOST / "wire/late.py": late, HOST / "code/typed.py": for_types}) == [
        "wire/late.py imports dagster_taskiq.host.options",
        "wire/late.py imports dagster_taskiq.host.program",
        "code/typed.py imports dagster_taskiq.host.base.links.Link",
    ]


def test_the_tests_have_the_rooms_of_what_they_test():
    tests = {file.parent.name for file in Path(__file__).parent.glob("*/test_*.py")}
    assert tests <= set(ROOMS)
