"""What a step says: to Dagster's log, to its own output, and through Pipes."""

import os
import subprocess
import sys
from pathlib import Path

from dagster import OpExecutionContext, PipesSubprocessClient, job, op

_REMOTE = Path(__file__).parent / "pipes_program.py"


@op
def logs_at_each_level(context: OpExecutionContext) -> None:
    for level in ("debug", "info", "warning", "error", "critical"):
        getattr(context.log, level)(f"said at {level}: 5 °C")
    context.log.info("with %s of %d", "arguments", 2)
    try:
        int("rain")
    except ValueError:
        context.log.exception("an exception")


@op
def prints() -> None:
    print("to stdout: 5 °C")  # noqa: T201
    print("to stderr", file=sys.stderr)  # noqa: T201
    sys.stdout.flush()
    os.write(1, b"past Python\n")
    subprocess.run([sys.executable, "-S", "-c", "print('from a child')"], check=True)


@op
def prints_and_fails() -> None:
    print("before the end")  # noqa: T201
    raise RuntimeError("the end")


@op
def runs_a_program(context: OpExecutionContext) -> int:
    client = PipesSubprocessClient()
    completed = client.run(
        context=context, command=[sys.executable, str(_REMOTE)], extras={"factor": 3}
    )
    return len(completed.get_custom_messages())


@job
def speaks() -> None:
    logs_at_each_level()
    prints()
    prints_and_fails()
    runs_a_program()


JOBS = [speaks]
