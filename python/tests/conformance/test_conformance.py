"""Every kind of step leaves the same events through the queue as under Dagster's own executor.

Types and order per step, outputs, metadata, asset keys, partitions, retries, messages, logs; see
event_log.py for what is left out.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

import dagster
import pytest
from cases import CASES
from compare import differences
from endings import ENDINGS
from side import Left, run_through_queue, run_under_multiprocess

from postgres import dagster_yaml, postgres_server

if TYPE_CHECKING:
    from pathlib import Path

_YAML = "telemetry:\n  enabled: false\n"

NAMES = [case.name for case in CASES]
STORAGES = ["sqlite", "postgres"]


class Sides:
    """Every way of running the cases, each done once, all at a time."""

    def __init__(self, make_home: Callable[[str], Path]) -> None:
        # Threads that ask pytest for its first folder at the same time may get two, so one asks.
        reference, sqlite, postgres = map(make_home, ("reference", "sqlite", "postgres"))
        pool = ThreadPoolExecutor(3)
        self._reference = pool.submit(run_under_multiprocess, configured(reference, _YAML))
        self._queue: dict[str, Future[Any]] = {
            "sqlite": pool.submit(run_through_queue, configured(sqlite, _YAML)),
            "postgres": pool.submit(self._run_postgres, postgres),
        }
        pool.shutdown(wait=False)

    def reference(self, name: str) -> Left:
        return self._reference.result()[name]

    def queue(self, storage: str, name: str) -> Left:
        return self._queue[storage].result()[name]

    @staticmethod
    def _run_postgres(home: Path) -> Any:
        # Its own server: the cases run before any fixture of one test could start it.
        with postgres_server() as url:
            return run_through_queue(configured(home, _YAML + dagster_yaml(url)))


def configured(home: Path, yaml: str) -> Path:
    (home / "dagster.yaml").write_text(yaml)
    return home


@pytest.fixture(scope="session")
def sides(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Sides]:
    return Sides(tmp_path_factory.mktemp)


def assert_same(expected: Left, got: Left) -> None:
    differing = differences(expected.steps, got.steps)
    assert not differing, f"the logs differ:\n{differing}"
    assert got.status == expected.status
    assert got.output == expected.output


@pytest.mark.parametrize("storage", STORAGES)
@pytest.mark.parametrize("name", NAMES)
def test_a_worker_leaves_the_same_log_as_dagsters_own_executor(
    sides: Sides, storage: str, name: str
) -> None:
    assert_same(sides.reference(name), sides.queue(storage, name))


@pytest.mark.parametrize(("name", "step", "types"), ENDINGS)
def test_each_kind_of_step_logs_the_events_of_its_kind(
    sides: Sides, name: str, step: str, types: list[str]
) -> None:
    logged = [kind for kind, _ in sides.reference(name).steps[step]]
    rest = iter(logged)
    assert all(kind in rest for kind in types), logged


def test_names_in_dagster_are_ascii_so_step_keys_are_too() -> None:
    with pytest.raises(dagster.DagsterInvalidDefinitionError):
        dagster.op(name="zürich")(lambda: None)
    with pytest.raises(dagster.DagsterInvalidDefinitionError):
        dagster.DynamicOutput(1, mapping_key="zürich")


def test_this_dagster_has_no_memoised_versions() -> None:
    # They went in 1.8; `code_version` on assets took their place, and is in the case materializes.
    assert not hasattr(dagster, "VersionStrategy")
    assert not hasattr(dagster, "MemoizableIOManager")
