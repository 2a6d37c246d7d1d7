"""A whole step host beside a ledger in Dagster's own PostgreSQL: claims end with their events."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit, urlunsplit

import psycopg2
import pytest
from dagster import DagsterInstance
from ledger_double import SCHEMA, Ledger
from orders import job_at, report_order, run_order, terminal_events
from worker_double import CODE, LOCATION, WorkerDouble, eventually

from postgres import dagster_yaml

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture(scope="module")
def own_home(tmp_path_factory: pytest.TempPathFactory, postgres_url: str) -> Path:
    with closing(psycopg2.connect(postgres_url)) as admin:
        admin.autocommit = True
        admin.cursor().execute("create database settled_by_host")
    url = urlunsplit(urlsplit(postgres_url)._replace(path="/settled_by_host"))
    home = tmp_path_factory.mktemp("settled_by_host")
    (home / "dagster.yaml").write_text(f"telemetry:\n  enabled: false\n{dagster_yaml(url)}")
    return home


@pytest.fixture(scope="module")
def ours(own_home: Path) -> Iterator[DagsterInstance]:
    with DagsterInstance.from_config(str(own_home)) as instance:
        yield instance


@pytest.fixture(scope="module")
def ledger(ours: DagsterInstance, postgres_url: str) -> Iterator[Ledger]:
    ledger = Ledger(urlunsplit(urlsplit(postgres_url)._replace(path="/settled_by_host")))
    yield ledger
    ledger.close()


@pytest.fixture(scope="module")
def host(start_worker: Any, own_home: Path, ours: DagsterInstance) -> WorkerDouble:
    worker: WorkerDouble = start_worker(*LOCATION, at=own_home)
    worker.await_frame("ready")
    return worker


def order_under_claim(ledger: Ledger, run: Any, step: str, **fields: Any) -> dict[str, Any]:
    hold: Any = ledger.claim(f"{run.run_id}:{step}")
    place = {"schema": SCHEMA, "fence": hold["fence"]}
    return run_order(run, step, ledger=place, **fields)


@pytest.mark.parametrize("isolation", ["fork", "spawn"])
def test_a_step_is_settled_with_its_end_and_the_worker_is_asked_for_nothing(
    host, ledger, ours, create_run, isolation
):
    run = create_run("greet", instance=ours)
    tags = {"taskiq/isolation": isolation}
    order = host.start("run", **order_under_claim(ledger, run, "greet", tags=tags))
    frames = host.finish(order)
    assert [frame for frame in frames if frame["type"] == "ask"] == []
    [outcome] = [frame["outcome"] for frame in frames if frame["type"] == "outcome"]
    assert (outcome["kind"], outcome["settled"]) == ("success", True)
    row = ledger.row(f"{run.run_id}:greet")
    assert (row["state"], row["outcome"]) == ("completed", outcome["result"])
    assert terminal_events(ours, run) == ["STEP_SUCCESS"]


def test_a_report_is_written_and_settled_without_a_process_of_its_own(
    host, ledger, ours, create_run
):
    run = create_run("greet", instance=ours)
    hold: Any = ledger.claim(f"{run.run_id}:greet")
    place = {"schema": SCHEMA, "fence": hold["fence"]}
    order = host.start("report", **report_order(run, "greet", ledger=place))
    frames = host.finish(order)
    assert [frame["type"] for frame in frames] == ["outcome", "exited"]
    outcome = frames[0]["outcome"]
    assert (outcome["kind"], outcome["settled"]) == ("reported", True)
    row = ledger.row(f"{run.run_id}:greet")
    assert (row["state"], row["outcome"]) == ("dead", outcome["result"])
    assert terminal_events(ours, run) == ["STEP_FAILURE"]


def test_each_step_of_a_recycled_process_is_settled_under_its_own_claim(
    start_worker, own_home, ledger, ours, create_run
):
    recycled = ("-m", "recycled_jobs", "-d", str(CODE), "--steps-per-process", "3")
    host = start_worker(*recycled, at=own_home)
    run = create_run("several", recon=job_at("recycled_jobs", "several"), instance=ours)
    pids = set()
    for step in "ab":
        order = host.start("run", **order_under_claim(ledger, run, step))
        outcome = host.outcome(order)
        assert (outcome["kind"], outcome["settled"]) == ("success", True)
        assert ledger.row(f"{run.run_id}:{step}")["state"] == "completed"
        pids.add(host.await_frame("started", order)["pid"])
    assert len(pids) == 1
    assert [frame for frame in host.seen if frame["type"] == "ask"] == []


def test_a_step_whose_claim_another_worker_has_records_nothing(
    host, ledger, ours, create_run, tmp_path
):
    run = create_run("waits_for_file", config={"file": str(tmp_path / "go")}, instance=ours)
    order = host.start("run", **order_under_claim(ledger, run, "waits_for_file"))
    eventually((tmp_path / "go.started").exists)
    key = f"{run.run_id}:waits_for_file"
    ledger.ask("abandon", {"key": key, "fence": 1}, {"giveStartBack": False})
    assert ledger.claim(key, owner="worker-2") == {"key": key, "fence": 2}
    (tmp_path / "go").touch()
    outcome = host.outcome(order)
    assert (outcome["kind"], outcome["error"]["class"]) == ("permit_refused", "ClaimStale")
    assert terminal_events(ours, run) == []
    assert ledger.row(key)["state"] == "running"


def test_what_the_interrupt_of_a_limit_makes_of_a_step_settles_no_claim(
    host, ledger, ours, create_run, tmp_path
):
    run = create_run("waits_for_file", config={"file": str(tmp_path / "go")}, instance=ours)
    limits = {"silence_ms": 1_000, "grace_ms": 60_000}
    order = host.start("run", **order_under_claim(ledger, run, "waits_for_file", limits=limits))
    frames = host.finish(order)
    assert frames[-1]["killed"]["cause"] == "silent"
    assert [frame for frame in frames if frame["type"] in ("ask", "outcome")] == []
    assert terminal_events(ours, run) == []
    assert ledger.row(f"{run.run_id}:waits_for_file")["state"] == "running"


def test_a_host_whose_database_cannot_hold_the_ledger_asks_for_a_permit(
    worker, instance, create_run
):
    run = create_run("greet")
    order = worker.start("run", **run_order(run, "greet", ledger={"schema": SCHEMA, "fence": 1}))
    outcome = worker.outcome(order)
    assert (outcome["kind"], "settled" in outcome) == ("success", False)
    assert any(frame["type"] == "ask" and frame["id"] == order for frame in worker.seen)
