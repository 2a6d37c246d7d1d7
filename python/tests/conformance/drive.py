"""Runs the cases, one order a line on stdin, and prints the id of each case's run.

It is a process of its own. Many runs share one import of Dagster, and step processes do not inherit
pytest. The environment names the instance.
"""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path
from typing import Any

from cases import CASES, Case
from dagster import AssetKey, DagsterInstance, ReexecutionOptions, execute_job
from dagster._core.definitions.reconstruct import ReconstructableRepository

from dagster_taskiq.host.code.preload import preload

CODE = Path(__file__).parent / "code"


class Driver:
    """Runs cases of one module; a case that re-executes another finds its run done."""

    def __init__(self, module: str, execution: dict[str, Any]) -> None:
        self._execution = execution
        self._repository = ReconstructableRepository.for_module(module, "defs", str(CODE))
        self._cases = {case.name: case for case in CASES}
        self._runs: dict[str, str] = {}

    def run(self, name: str, instance: DagsterInstance) -> str:
        """Return the id of the case's run."""
        case = self._cases[name]
        result = execute_job(
            self._repository.get_reconstructable_job(case.job),
            instance,
            run_config={**case.config, "execution": {"config": self._execution}},
            tags=dict(case.tags),
            op_selection=case.op_selection,
            asset_selection=case.asset_selection
            and [AssetKey.from_user_string(key) for key in case.asset_selection],
            reexecution_options=self._reexecution(case, instance),
        )
        self._runs[name] = result.run_id
        return self._runs[name]

    def _reexecution(self, case: Case, instance: DagsterInstance) -> ReexecutionOptions | None:
        if not case.again:
            return None
        parent = self._runs[case.again]
        if case.steps is None:
            return ReexecutionOptions.from_failure(parent, instance)
        return ReexecutionOptions(parent, step_selection=case.steps)


def main(module: str, execution: str) -> None:
    # Resources print before a step's own output is captured.
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)
    preload()
    driver = Driver(module, json.loads(execution))
    with DagsterInstance.get() as instance:
        for line in sys.stdin:
            answers.write(json.dumps(driver.run(line.strip(), instance)) + "\n")
            answers.flush()


if __name__ == "__main__":
    main(*sys.argv[1:])
