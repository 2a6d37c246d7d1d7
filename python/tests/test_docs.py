"""The pages for Dagster users show code that works, and every setting there is."""

import re
from pathlib import Path
from textwrap import dedent
from typing import Any

import pytest
import yaml
from dagster import (
    Definitions,
    JobDefinition,
    job,
    op,
    validate_run_config,
)
from dagster._config import process_config
from dagster_postgres import DagsterPostgresStorage

from dagster_taskiq import taskiq_executor
from dagster_taskiq.settings import config_schema

ROOT = Path(__file__).parents[2]
PAGE = "docs/dagster.md"
PAGES = [
    "README.md",
    "python/README.md",
    *(f"docs/{path.name}" for path in sorted((ROOT / "docs").glob("*.md"))),
]


def blocks(page: str, language: str) -> list[str]:
    text = (ROOT / page).read_text()
    found = re.findall(rf"^( *)```{language}\n(.*?)^\1```$", text, re.DOTALL | re.MULTILINE)
    return [dedent(block) for _indent, block in found]


@pytest.mark.parametrize(
    ("page", "number"),
    [(p, n) for p in PAGES for n in range(len(blocks(p, "python")))],
)
def test_code_in_the_pages_runs_and_its_jobs_use_the_executor(page: str, number: int) -> None:
    names: dict[str, Any] = {"__name__": "page"}
    exec(compile(blocks(page, "python")[number], page, "exec"), names)
    jobs = [value for value in names.values() if isinstance(value, JobDefinition)]
    if isinstance(names.get("defs"), Definitions):
        jobs = list(names["defs"].get_repository_def().get_all_jobs())
        assert jobs
    assert {one.executor_def.name for one in jobs} <= {"taskiq"}


def test_run_configuration_in_the_pages_is_valid() -> None:
    @op
    def nothing() -> None: ...

    @job(executor_def=taskiq_executor)
    def does_nothing() -> None:
        nothing()

    @job(executor_def=taskiq_executor.configured({"queue_name": "steps.fifo"}))
    def fixed() -> None:
        nothing()

    (text,) = blocks(PAGE, "yaml")
    validate_run_config(does_nothing, yaml.safe_load(text))
    # As the page says: configured in the code, it ignores a run's settings.
    ignored = validate_run_config(fixed, yaml.safe_load(text))["execution"]["taskiq"]
    assert (ignored["queue_name"], ignored["max_concurrent"]) == ("steps.fifo", None)


def test_yaml_in_the_pages_can_be_read() -> None:
    found = [block for page in PAGES for block in blocks(page, "yaml")]
    assert found
    assert all(isinstance(yaml.safe_load(block), dict) for block in found)


def test_the_ecs_page_has_a_storage_that_dagster_takes(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("HOST", "USER", "PASSWORD", "DB", "PORT"):
        monkeypatch.setenv(f"DAGSTER_POSTGRES_{name}", "5432")
    (config,) = (
        yaml.safe_load(text)["storage"]["postgres"]
        for text in blocks("docs/ecs.md", "yaml")
        if text.startswith("storage:")
    )
    taken = process_config(DagsterPostgresStorage.config_type(), config)
    assert taken.success, taken.errors
    without = {k: v for k, v in config["postgres_db"].items() if k != "password"}
    assert process_config(DagsterPostgresStorage.config_type(), {"postgres_db": without}).success


def test_the_page_has_each_setting_and_the_launchpad_each_description() -> None:
    schema = config_schema()
    rows = re.findall(r"^\| `(\w+)` \|", (ROOT / PAGE).read_text(), re.MULTILINE)
    assert set(rows) == {*schema, "step_dependency_config"}
    assert all(field.description for field in schema.values())
