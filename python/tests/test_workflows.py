"""GitHub's workflows: what GitHub would refuse, and what they must not be allowed."""

from __future__ import annotations

import json
import re
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml

ROOT = Path(__file__).parents[2]
FOLDER = ROOT / ".github/workflows"
NAMES = sorted(path.name for path in FOLDER.iterdir())

TOP = {"name", "on", "permissions", "concurrency", "jobs"}
JOB = {"needs", "runs-on", "timeout-minutes", "environment", "permissions", "steps"}
STEP = {"name", "id", "uses", "with", "run", "env"}
CONTEXTS = re.compile(r"(github\.(ref|sha|actor|token|repository)|steps\.\w+\.outputs\.\w+)$")

# What a job may do beyond reading the sources, and why.
WRITES = {
    ("release.yml", "build"): {"id-token", "attestations"},  # attests what it built
    ("release.yml", "npm"): {"id-token"},  # trusted publishing
    ("release.yml", "pypi"): {"id-token"},
    ("release.yml", "image"): {"packages", "id-token", "attestations"},
    ("release.yml", "github"): {"contents"},
}


class _StrictLoader(yaml.SafeLoader):
    """Refuses a key that is there twice, as GitHub does; `on` stays a word, as in YAML 1.2."""


def _mapping(loader: yaml.SafeLoader, node: yaml.MappingNode) -> dict[str, Any]:
    keys = [key.value for key, _ in node.value]
    assert len(keys) == len(set(keys)), f"twice in one mapping: {keys}"
    return {key.value: loader.construct_object(value, deep=True) for key, value in node.value}


_StrictLoader.add_constructor(yaml.resolver.BaseResolver.DEFAULT_MAPPING_TAG, _mapping)


def _read(name: str) -> dict[str, Any]:
    read: dict[str, Any] = yaml.load((FOLDER / name).read_text(), _StrictLoader)
    return read


def _jobs(name: str) -> dict[str, dict[str, Any]]:
    jobs: dict[str, dict[str, Any]] = _read(name)["jobs"]
    return jobs


def _steps() -> list[tuple[str, dict[str, Any]]]:
    return [
        (f"{name}: {job_name}", step)
        for name in NAMES
        for job_name, job in _jobs(name).items()
        for step in job["steps"]
    ]


def test_a_check_and_a_release_workflow_exist() -> None:
    assert NAMES == ["ci.yml", "release.yml"]
    assert set(_read("ci.yml")["on"]) == {"push", "pull_request"}
    assert _read("release.yml")["on"] == {"push": {"tags": ["v*"]}}
    runs = [step.get("run") for where, step in _steps() if where.endswith((": test", ": build"))]
    assert runs.count(".ci/run") == 2


@pytest.mark.parametrize("name", NAMES)
def test_each_workflow_has_keys_that_github_knows_and_jobs_that_exist(name: str) -> None:
    read = _read(name)
    assert set(read) <= TOP
    for job in read["jobs"].values():
        assert set(job) <= JOB
        assert job["runs-on"] == "ubuntu-24.04"
        assert job["timeout-minutes"] <= 120
        needs = job.get("needs", [])
        assert set([needs] if isinstance(needs, str) else needs) <= set(read["jobs"])
        for step in job["steps"]:
            assert set(step) <= STEP
            assert ("uses" in step) != ("run" in step)


@pytest.mark.parametrize("name", NAMES)
def test_each_workflow_has_only_the_permissions_of_its_jobs(name: str) -> None:
    read = _read(name)
    assert read["permissions"] == {"contents": "read"}
    for job_name, job in read["jobs"].items():
        permissions = job.get("permissions", {})
        writes = {scope for scope, access in permissions.items() if access == "write"}
        assert writes == WRITES.get((name, job_name), set())
        assert {scope for scope in permissions if scope not in writes} <= {"contents"}


def test_actions_are_pinned_to_commits_with_their_version_beside() -> None:
    for name in NAMES:
        for line in (FOLDER / name).read_text().splitlines():
            if "uses:" in line and "pypa/gh-action-pypi-publish@release/v1" not in line:
                assert re.search(r"uses: [\w/-]+@[0-9a-f]{40} # v\d+\.\d+\.\d+$", line), line


def test_a_commit_is_pinned_under_one_version() -> None:
    text = "".join((FOLDER / name).read_text() for name in NAMES)
    pins = set(re.findall(r"uses: ([\w/-]+)@(\w+) # (\S+)", text))
    assert len(pins) == len({action for action, _, _ in pins})


def test_checkouts_keep_no_credentials() -> None:
    for where, step in _steps():
        if step.get("uses", "").startswith("actions/checkout@"):
            assert step["with"]["persist-credentials"] is False, where


def test_commands_of_workflows_parse_and_name_scripts_that_exist() -> None:
    scripts = json.loads((ROOT / "package.json").read_text())["scripts"]
    for where, step in _steps():
        text = step.get("run")
        if text is None:
            continue
        subprocess.run(["bash", "-n"], input=text, text=True, check=True, capture_output=True)
        assert "${{" not in text, f"{where}: a value pasted into a shell may be a command"
        for script in re.findall(r"npm run (\S+)", text):
            assert script in scripts, where
        for path in re.findall(r"\S+\.(?:ts|mjs)\b|\.ci/\w+", text):
            assert (ROOT / path).exists(), where


def test_expressions_of_workflows_use_known_contexts_and_no_secrets() -> None:
    for name in NAMES:
        for job_name, job in _jobs(name).items():
            ids = {step["id"] for step in job["steps"] if "id" in step}
            for expression in re.findall(r"\$\{\{ (.*?) \}\}", yaml.dump(job)):
                assert CONTEXTS.match(expression), f"{name}: {job_name}: {expression}"
                if expression.startswith("steps."):
                    assert expression.split(".")[1] in ids
