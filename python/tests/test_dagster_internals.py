"""Private modules of Dagster have one door, which is tried on other versions, too."""

from __future__ import annotations

import ast
import inspect
import re
import subprocess
import sys
from importlib import import_module
from pathlib import Path

import pytest

import dagster_taskiq
from dagster_taskiq.dagster_internals import SEEN_IN, host, patches, producer, recorder, shared

ROOT = Path(__file__).parents[2]
PACKAGE = Path(dagster_taskiq.__file__).parent
PRIVATE = re.compile(r"dagster\._[a-z]|dagster_shared\b")
# Dagster has them since 1.11.10.
MAY_BE_MISSING = {"StepDependencyConfig", "get_step_dependency_config_field"}
PATCHES = [
    each
    for _, each in inspect.getmembers(patches, inspect.isfunction)
    if each.__module__ == patches.__name__
] + [recorder.connect_by, recorder.find_tables_once]


def names_of_private_modules(source: str) -> list[str]:
    """Return those that code imports, or has in a string that is not a docstring."""
    found = []
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            found += [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom) and node.module is not None and not node.level:
            found += [f"{node.module}.{alias.name}" for alias in node.names]
        elif isinstance(node, ast.Constant) and isinstance(node.value, str):
            found += [node.value]
    return [name for name in found if PRIVATE.match(name)]


@pytest.mark.parametrize("room", [shared, producer, host, recorder], ids=lambda room: room.__name__)
def test_every_name_is_there_in_the_installed_version(room):
    missing = {name for name in room.__all__ if getattr(room, name) is None}
    assert missing <= MAY_BE_MISSING


def test_every_module_that_dagster_imports_while_a_step_runs_is_there():
    for name in host.MODULES_OF_A_STEP:
        import_module(name)


def test_the_names_were_seen_in_every_version_that_is_tested():
    tested = (ROOT / "dev/test/dagster-versions.ts").read_text()
    [listed] = re.findall(r"^const VERSIONS = \[(.*)\];", tested, re.MULTILINE)
    requirements = (ROOT / "python/requirements.in").read_text()
    [locked] = re.findall(r"^dagster==(\S+)$", requirements, re.MULTILINE)
    assert (*re.findall(r'"(.*?)"', listed), locked) == SEEN_IN


def test_no_other_file_imports_a_private_module_of_dagster():
    found = {
        str(file.relative_to(PACKAGE)): names
        for file in sorted(PACKAGE.rglob("*.py"))
        if file.parent.name != "dagster_internals"
        if (names := names_of_private_modules(file.read_text()))
    }
    assert found == {}


def test_a_private_import_is_found_in_each_form():
    source = (
        "from dagster._core import events\ndef f():\n    import dagster._utils\n"
        "import_module('dagster._serdes')\nfrom dagster_shared import cli\nimport dagster"
    )
    assert sorted(names_of_private_modules(source)) == [
        "dagster._core.events",
        "dagster._serdes",
        "dagster._utils",
        "dagster_shared.cli",
    ]


@pytest.mark.parametrize("patch", PATCHES, ids=lambda patch: patch.__name__)
def test_each_patch_says_how_it_is_undone(patch):
    assert re.search(r"^(Undone|Not undone: )", inspect.getdoc(patch) or "", re.MULTILINE)


def test_the_executor_imports_nothing_of_the_step_host():
    script = (
        "import sys, dagster_taskiq.executor;"
        "print(*[m for m in sys.modules if m.startswith('dagster_taskiq.') and 'host' in m])"
    )
    ran = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert ran.stdout.strip() == ""
