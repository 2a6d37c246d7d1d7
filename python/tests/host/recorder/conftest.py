"""Instances whose storage a recorder writes: on SQLite, and on PostgreSQL by way of a proxy."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import closing
from typing import TYPE_CHECKING
from urllib.parse import urlsplit, urlunsplit

import psycopg2
import pytest
from dagster import DagsterInstance, DagsterRun
from database_proxy import DatabaseProxy
from ledger_double import Ledger
from recorder_double import RecorderDouble

from postgres import dagster_yaml

if TYPE_CHECKING:
    from pathlib import Path

Open = Callable[[str], DagsterInstance]
NO_TELEMETRY = "telemetry:\n  enabled: false\n"


@pytest.fixture(scope="module")
def proxy(postgres_url: str) -> Iterator[DatabaseProxy]:
    proxy = DatabaseProxy(postgres_url)
    yield proxy
    proxy.close()


@pytest.fixture(scope="module")
def open_postgres(
    request: pytest.FixtureRequest, postgres_url: str, tmp_path_factory: pytest.TempPathFactory
) -> Open:
    """Open an instance on a new database; through the proxy if its name says so."""

    def open_one(name: str) -> DagsterInstance:
        database = f"{request.module.__name__.rpartition('.')[2]}_{name}".lower()
        with closing(psycopg2.connect(postgres_url)) as admin:
            admin.autocommit = True
            admin.cursor().execute(f'create database "{database}"')
        url = postgres_url
        if name == "proxied":
            url = request.getfixturevalue("proxy").url
        url = urlunsplit(urlsplit(url)._replace(path=f"/{database}"))
        home: Path = tmp_path_factory.mktemp(database)
        (home / "dagster.yaml").write_text(NO_TELEMETRY + dagster_yaml(url))
        return DagsterInstance.from_config(str(home))

    return open_one


@pytest.fixture(scope="module")
def open_sqlite(tmp_path_factory: pytest.TempPathFactory) -> Open:
    def open_one(name: str) -> DagsterInstance:
        home: Path = tmp_path_factory.mktemp(name)
        (home / "dagster.yaml").write_text(NO_TELEMETRY)
        return DagsterInstance.from_config(str(home))

    return open_one


@pytest.fixture(scope="module", params=["sqlite", "postgres"])
def open_instance(request: pytest.FixtureRequest) -> Open:
    found: Open = request.getfixturevalue(f"open_{request.param}")
    return found


@pytest.fixture(scope="module")
def instance(open_instance: Open) -> Iterator[DagsterInstance]:
    with open_instance("own") as instance:
        yield instance


@pytest.fixture(scope="module")
def ledger(instance: DagsterInstance, postgres_url: str) -> Iterator[Ledger]:
    """Open the worker's own ledger in the database of an instance on PostgreSQL."""
    path = urlsplit(instance.event_log_storage.postgres_url).path  # type: ignore[attr-defined]
    ledger = Ledger(urlunsplit(urlsplit(postgres_url)._replace(path=path)))
    yield ledger
    ledger.close()


@pytest.fixture
def recorder(instance: DagsterInstance) -> Iterator[RecorderDouble]:
    recorder = RecorderDouble(instance)
    yield recorder
    recorder.close()


@pytest.fixture
def run(create_run: Callable[..., DagsterRun], instance: DagsterInstance) -> DagsterRun:
    return create_run("greet", instance=instance)
