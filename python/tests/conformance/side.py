"""One way to run all cases: a Dagster instance, a process that drives its runs, what they left."""

from __future__ import annotations

import json
import os
import select
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from cases import CASES, Case
from dagster import DagsterInstance
from event_log import Log, Logs
from host_worker import HostWorker

from sqs_double import SqsDouble

if TYPE_CHECKING:
    from typing_extensions import Self

_HERE = Path(__file__).parent
CODE = _HERE / "code"
# Dagster prints sets, of resources for example.
SAME_ORDER = {"PYTHONHASHSEED": "0"}


@dataclass
class Left:
    """What the run of one case left."""

    status: str
    steps: Logs
    output: Mapping[str, tuple[str, str]]


class Driver:
    """The process that is the run worker of one run after the other.

    `worker` runs the steps, unless the run worker does it itself.
    """

    def __init__(
        self,
        home: Path,
        module: str,
        execution: Mapping[str, Any],
        worker: HostWorker | None = None,
    ) -> None:
        self._worker = worker
        self._names = {str(home): "<home>", module: "<module>"}
        self._log = home / "driver.log"
        with self._log.open("wb") as log:
            self._process = subprocess.Popen(
                [sys.executable, str(_HERE / "drive.py"), module, json.dumps(execution)],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=log,
                env=_environment(home),
                text=True,
            )

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: object, *_: object) -> None:
        if kind is not None:
            self._process.kill()
        self._process.communicate()

    def run(self, case: Case, instance: DagsterInstance) -> Left:
        """Run the case to its end. Raises AssertionError when that can never come."""
        run_id = self._ask(case.name)
        self._names[run_id] = f"<run of {case.name}>"
        log = Log(instance, run_id, self._names)
        return Left(log.status, log.steps(), log.output())

    def _ask(self, name: str) -> Any:
        stdin, stdout = self._process.stdin, self._process.stdout
        assert stdin is not None
        assert stdout is not None
        stdin.write(name + "\n")
        stdin.flush()
        select.select([stdout, *([self._worker] if self._worker else [])], [], [])
        if self._worker and self._worker.failure:
            raise AssertionError(f"the worker failed in {name}: {self._worker.failure}")
        answer = stdout.readline()
        assert answer, f"the driver died in {name}: {self._log.read_text()[-4000:]}"
        return json.loads(answer)


def run_under_multiprocess(home: Path) -> dict[str, Left]:
    """Run every case by Dagster's own executor."""
    forkserver = {"forkserver": {"preload_modules": ["under_multiprocess"]}}
    execution = {"start_method": forkserver, "max_concurrent": 2}
    with (
        DagsterInstance.from_config(str(home)) as instance,
        Driver(home, "under_multiprocess", execution) as driver,
    ):
        return {case.name: driver.run(case, instance) for case in CASES}


def run_through_queue(home: Path) -> dict[str, Left]:
    """Run every case through the queue."""
    location = ("-m", "under_queue", "-d", str(CODE))
    with (
        SqsDouble() as sqs,
        DagsterInstance.from_config(str(home)) as instance,
        HostWorker(sqs, home, location, SAME_ORDER) as worker,
    ):
        execution = {"queue_url": sqs.url("steps.fifo"), "poll_interval_seconds": 0.1}
        with Driver(home, "under_queue", execution, worker) as driver:
            return {case.name: driver.run(case, instance) for case in CASES}


def _environment(home: Path) -> dict[str, str]:
    """Return this process's, without what would point to another instance or queue."""
    ours = ("AWS_", "TASKIQ_", "DAGSTER_")
    return {
        **{name: value for name, value in os.environ.items() if not name.startswith(ours)},
        "AWS_ACCESS_KEY_ID": "test",
        "AWS_SECRET_ACCESS_KEY": "test",
        "AWS_DEFAULT_REGION": "eu-north-1",
        "DAGSTER_HOME": str(home),
        **SAME_ORDER,
        "PYTHONPATH": os.pathsep.join((str(CODE), str(_HERE), str(_HERE.parent))),
        "PYTHONWARNINGS": "ignore",
    }
