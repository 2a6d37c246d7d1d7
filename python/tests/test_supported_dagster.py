"""The range of supported Dagster versions: one source, and the error for other versions."""

import subprocess
import sys
from pathlib import Path

import pytest

from dagster_taskiq import __version__
from dagster_taskiq.supported_dagster import SUPPORTED, why_unsupported

PYTHON = Path(__file__).parents[1]
OLD_DAGSTER = PYTHON.parent / "fixtures" / "old_dagster"
SENTENCE = (
    f"Dagster {{}} is installed, but dagster-taskiq {__version__} supports Dagster 1.10.21"
    " or newer, below 2. Install one of these: pip install 'dagster>=1.10.21,<2'"
)


def test_the_package_requires_the_range_that_it_checks():
    project = (PYTHON / "pyproject.toml").read_text(encoding="utf-8")
    assert f'dependencies = ["dagster>={SUPPORTED.oldest},<{SUPPORTED.below}", ' in project


@pytest.mark.parametrize("found", ["1.9.13", "1.10.20", "0.15.0", "2.0.0", "2.0.0rc1", "11.0", "2"])
def test_a_version_outside_of_the_range_is_named_beside_the_range(found):
    assert why_unsupported(found) == SENTENCE.format(found)


@pytest.mark.parametrize("found", ["1.10.21", "1.11", "1.13.27", "1.13.0rc1", "1.13.0+local"])
def test_a_version_inside_the_range_is_supported(found):
    assert why_unsupported(found) is None


@pytest.mark.parametrize("found", ["1!0+dev", "unknown", ""])
def test_a_version_that_is_not_a_plain_number_is_not_judged(found):
    assert why_unsupported(found) is None


@pytest.mark.parametrize(
    "entry", ["from dagster_taskiq import taskiq_executor", "import dagster_taskiq.executor"]
)
def test_importing_the_executor_under_another_dagster_says_so(entry):
    done = subprocess.run(
        [sys.executable, "-c", entry],
        env={"PYTHONPATH": f"{OLD_DAGSTER}:{PYTHON / 'src'}"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 1
    last = done.stderr.splitlines()[-1]
    expected = SENTENCE.format("1.9.13")
    assert last == f"dagster_taskiq.supported_dagster.UnsupportedDagsterError: {expected}"
