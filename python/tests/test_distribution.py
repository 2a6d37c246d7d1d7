"""The wheel and the sdist, as PyPI and pip read them."""

from __future__ import annotations

import json
import subprocess
import sys
import tarfile
import zipfile
from email.parser import Parser
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from trove_classifiers import classifiers

import dagster_taskiq

if TYPE_CHECKING:
    from email.message import Message

PYTHON = Path(__file__).parents[1]
ROOT = PYTHON.parent
VERSION = dagster_taskiq.__version__
INFO = f"dagster_taskiq-{VERSION}.dist-info"


@pytest.fixture(scope="module")
def dist(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("dist")
    command = [sys.executable, "-m", "hatchling", "build", "--directory", str(folder)]
    subprocess.run(command, cwd=PYTHON, check=True, capture_output=True)
    return folder


@pytest.fixture(scope="module")
def wheel(dist: Path) -> dict[str, bytes]:
    with zipfile.ZipFile(dist / f"dagster_taskiq-{VERSION}-py3-none-any.whl") as archive:
        return {name: archive.read(name) for name in archive.namelist()}


@pytest.fixture(scope="module")
def metadata(wheel: dict[str, bytes]) -> Message:
    return Parser().parsestr(wheel[f"{INFO}/METADATA"].decode())


def test_metadata_says_what_a_page_on_pypi_shows(metadata: Message) -> None:
    assert metadata["Name"] == "dagster-taskiq"
    assert metadata["Version"] == VERSION
    assert metadata["License-Expression"] == "Apache-2.0"
    assert metadata["Requires-Python"] == ">=3.10"
    assert metadata["Description-Content-Type"] == "text/markdown"
    assert metadata.get_payload() == (PYTHON / "README.md").read_text()
    named = metadata.get_all("Classifier") or []
    assert "Typing :: Typed" in named
    # PyPI refuses an upload for one that it does not know.
    assert set(named) <= classifiers


def test_urls_are_of_the_repository_that_the_npm_package_names(metadata: Message) -> None:
    manifest = json.loads((ROOT / "package.json").read_text())
    repository = manifest["repository"]["url"].removeprefix("git+").removesuffix(".git")
    urls = dict(line.split(", ") for line in metadata.get_all("Project-URL") or [])
    assert set(urls) == {"Source", "Documentation", "Changelog", "Issues"}
    assert urls["Source"] == repository
    for url in urls.values():
        assert url.startswith(repository)
        path = url.partition("/blob/main/")[2]
        assert path == "" or (ROOT / path).exists()


def test_wheel_is_one_typed_package_without_commands(wheel: dict[str, bytes]) -> None:
    """PyPI's `taskiq` is another project: nothing here may take its module or its command."""
    assert {name.partition("/")[0] for name in wheel} == {"dagster_taskiq", INFO}
    assert "dagster_taskiq/py.typed" in wheel
    assert f"{INFO}/entry_points.txt" not in wheel
    assert not [name for name in wheel if ".data/" in name]
    assert wheel[f"{INFO}/licenses/LICENSE"] == (ROOT / "LICENSE").read_bytes()


def test_sdist_makes_the_same_wheel(dist: Path, wheel: dict[str, bytes], tmp_path: Path) -> None:
    with tarfile.open(dist / f"dagster_taskiq-{VERSION}.tar.gz") as archive:
        archive.extractall(tmp_path, filter="data")
    sources = tmp_path / f"dagster_taskiq-{VERSION}"
    command = [sys.executable, "-m", "hatchling", "build", "--target", "wheel"]
    subprocess.run(command, cwd=sources, check=True, capture_output=True)
    (made,) = (sources / "dist").glob("*.whl")
    with zipfile.ZipFile(made) as again:
        assert {name: again.read(name) for name in again.namelist()} == wheel


def test_versions_of_both_halves_are_the_same() -> None:
    assert json.loads((ROOT / "package.json").read_text())["version"] == VERSION
