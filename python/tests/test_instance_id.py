"""The identity of an instance: one for each database, as long as that lives."""

import threading
from pathlib import Path
from uuid import UUID

from dagster import DagsterInstance

from dagster_taskiq.instance_id import instance_id
from postgres import dagster_yaml


def test_sqlite_keeps_the_instance_id(instance: DagsterInstance, dagster_home: Path) -> None:
    identity = instance_id(instance)
    assert identity is not None
    assert UUID(identity).version == 4
    with DagsterInstance.from_config(str(dagster_home)) as opened_again:
        assert instance_id(opened_again) == identity


def test_homes_that_share_a_postgres_database_share_the_instance_id(
    postgres_url: str, tmp_path: Path
) -> None:
    identities = []
    for name in ("one", "another"):
        home = tmp_path / name
        home.mkdir()
        (home / "dagster.yaml").write_text(dagster_yaml(postgres_url))
        with DagsterInstance.from_config(str(home)) as opened:
            identities.append(instance_id(opened))
    assert identities[0] is not None
    assert len(set(identities)) == 1


def test_simultaneous_first_calls_agree_on_the_instance_id(instance: DagsterInstance) -> None:
    barrier = threading.Barrier(8)
    identities: list[str | None] = []

    def read() -> None:
        barrier.wait()
        identities.append(instance_id(instance))

    threads = [threading.Thread(target=read) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(identities) == 8
    assert len(set(identities)) == 1
