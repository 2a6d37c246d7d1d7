"""In a process of several steps Dagster resolves the config of their run once."""

from __future__ import annotations

from dagster import job, op
from dagster._core.system_config.objects import ResolvedRunConfig

from dagster_taskiq.dagster_internals.patches import resolve_config_once


@op(config_schema={"word": str})
def says():
    pass


@job
def speaks():
    says()


@job
def also_speaks():
    says()


def config(word):
    return {"ops": {"says": {"config": {"word": word}}}}


def test_a_config_is_resolved_again_for_another_job_or_another_config(monkeypatch):
    monkeypatch.setattr(ResolvedRunConfig, "build", staticmethod(ResolvedRunConfig.build))
    resolve_config_once()
    first = ResolvedRunConfig.build(speaks, config("yes"))
    assert ResolvedRunConfig.build(speaks, config("yes")) is first
    other = ResolvedRunConfig.build(speaks, config("no"))
    assert other.ops["says"].config == {"word": "no"}
    assert ResolvedRunConfig.build(also_speaks, config("no")) is not other
    assert ResolvedRunConfig.build(speaks, config("yes")) == first
