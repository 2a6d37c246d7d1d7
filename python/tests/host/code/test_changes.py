"""What belongs to the code besides Python: files that it reads below its project, and new ones."""

from __future__ import annotations

import importlib
import sys
from typing import TYPE_CHECKING

import pytest

from dagster_taskiq.host.code.changes import CodeFiles
from dagster_taskiq.host.code.import_watch import ImportWatch

if TYPE_CHECKING:
    from pathlib import Path

READS = """
from pathlib import Path
HERE = Path(__file__).parent.parent
TABLES = (HERE / "tables.yaml").read_text()
LOCAL = (HERE / "local.yaml").read_text() if (HERE / "local.yaml").exists() else None
try:
    LATER = open(HERE / "later.yaml")
except FileNotFoundError:
    LATER = None
NAMES = [path.name for path in (HERE / "models").glob("*.sql")]
(HERE / "cache.json").write_text("{}")
CACHE = (HERE / "cache.json").read_text()
OUTSIDE = (HERE.parent / "outside.yaml").read_text()
"""

CODE = {
    "a file that it reads": "project/tables.yaml",
    "a file that it looks for in vain": "project/later.yaml",
    "a file where it looks for files": "project/models/new.sql",
    "a folder where it looks for files": "project/models/more/",
    "a module": "project/src/reads_files.py",
}
NO_CODE = {
    "data where it looks for files": "project/models/new.csv",
    "a file that it wrote itself": "project/cache.json",
    "a file outside its project": "outside.yaml",
    "any other file": "project/output.csv",
    "a module's bytecode": "project/src/__pycache__/other.pyc",
}


@pytest.fixture
def files(tmp_path, monkeypatch):
    (tmp_path / "project/models").mkdir(parents=True)
    (tmp_path / "project/src").mkdir()
    for name in ("project/pyproject.toml", "project/tables.yaml", "outside.yaml"):
        (tmp_path / name).touch()
    (tmp_path / "project/src/reads_files.py").write_text(READS)
    monkeypatch.chdir(tmp_path / "project/models")
    monkeypatch.syspath_prepend(tmp_path / "project/src")
    monkeypatch.delitem(sys.modules, "reads_files", raising=False)
    files, watch = CodeFiles(), ImportWatch()
    with watch.watching():
        importlib.import_module("reads_files")
    files.note_imported(watch)
    return files


def change(path: Path) -> None:
    if path.suffix == "":
        path.mkdir()
    else:
        path.parent.mkdir(exist_ok=True)
        path.write_text("changed")


@pytest.mark.parametrize("what", CODE)
def test_a_change_of_code_is_seen(files, tmp_path, what):
    change(tmp_path / CODE[what])
    assert str(files.changed()) in (str(tmp_path / CODE[what]), str(tmp_path / "project/models"))


@pytest.mark.parametrize("what", NO_CODE)
def test_a_change_beside_the_code_does_not_count(files, tmp_path, what):
    change(tmp_path / NO_CODE[what])
    assert files.changed() is None
