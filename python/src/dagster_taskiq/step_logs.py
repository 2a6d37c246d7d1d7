"""`python -m dagster_taskiq.step_logs RUN STEP [--attempt N] [--follow]`: prints a step's output.

What the step printed comes through the instance's compute log manager, stdout on stdout and stderr
on stderr, for `taskiq logs`. The exit code is 1, with the reason on stderr, if there is nothing to
print.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, BinaryIO

from dagster import DagsterEventType

if TYPE_CHECKING:
    from dagster import DagsterInstance

_ENDS = {
    DagsterEventType.STEP_SUCCESS,
    DagsterEventType.STEP_FAILURE,
    DagsterEventType.STEP_SKIPPED,
}
_RETRY = DagsterEventType.STEP_UP_FOR_RETRY
_CAPTURED = DagsterEventType.LOGS_CAPTURED
_LOOK_SECONDS = 1.0
_BYTES_A_READ = 1024 * 1024
# A step that was killed leaves a capture that never becomes complete.
_IDLE_LOOKS = 3


class NothingToPrintError(Exception):
    """The reason is its text."""


@dataclass
class _Attempt:
    captures: list[str] = field(default_factory=list)
    """Dagster's file keys, one for each start whose output was captured."""
    is_over: bool = False


class StepOutput:
    """The output of one step, as far as it was printed. Each call prints what is new."""

    def __init__(
        self,
        instance: DagsterInstance,
        run_id: str,
        step_key: str,
        out: BinaryIO,
        err: BinaryIO,
    ) -> None:
        self._instance = instance
        self._run_id = run_id
        self._step_key = step_key
        self._out = out
        self._err = err
        self._cursors: dict[str, str | None] = {}

    def attempts(self) -> list[_Attempt]:
        """Return the attempts so far. Raises NothingToPrintError for an unknown run or step."""
        run = self._instance.get_run_by_id(self._run_id)
        if run is None:
            raise NothingToPrintError(f"this Dagster instance knows no run {self._run_id}")
        attempts, seen = [_Attempt()], False
        # All of them at each look: an event may be committed behind one with a higher id.
        for entry in self._instance.all_logs(self._run_id, of_type={*_ENDS, _RETRY, _CAPTURED}):
            event = entry.get_dagster_event()
            if event.event_type is _CAPTURED:
                if self._step_key in event.logs_captured_data.step_keys:
                    attempts[-1].captures.append(event.logs_captured_data.file_key)
                    seen = True
            elif entry.step_key == self._step_key:
                seen = attempts[-1].is_over = True
                if event.event_type is _RETRY:
                    attempts.append(_Attempt())
        if not seen and self._step_key not in self._planned(run.execution_plan_snapshot_id):
            raise NothingToPrintError(f"run {self._run_id} has no step {self._step_key}")
        if run.is_finished:
            attempts[-1].is_over = True
        return attempts

    def print_new(self, captures: Sequence[str]) -> bool:
        """Print what these captures have that was not printed. Return whether there was any."""
        printed = False
        for capture in captures:
            for stdout, stderr in self._read(capture):
                printed = True
                for stream, data in ((self._out, stdout), (self._err, stderr)):
                    if data:
                        stream.write(data)
                        stream.flush()
        return printed

    def is_complete(self, captures: Sequence[str]) -> bool:
        """Return whether all that the step printed is there to read."""
        manager = self._instance.compute_log_manager
        return all(manager.is_capture_complete(self._log_key(each)) for each in captures)

    def _read(self, capture: str) -> Iterator[tuple[bytes | None, bytes | None]]:
        manager = self._instance.compute_log_manager
        while True:
            cursor = self._cursors.get(capture)
            data = manager.get_log_data(self._log_key(capture), cursor, _BYTES_A_READ)
            self._cursors[capture] = data.cursor
            if not data.stdout and not data.stderr:
                return
            yield data.stdout, data.stderr

    def _log_key(self, capture: str) -> Sequence[str]:
        manager = self._instance.compute_log_manager
        return manager.build_log_key_for_run(self._run_id, capture)

    def _planned(self, snapshot_id: str | None) -> set[str]:
        if snapshot_id is None:
            return set()
        return {step.key for step in self._instance.get_execution_plan_snapshot(snapshot_id).steps}


def print_once(output: StepOutput, instance: DagsterInstance, attempt: int | None) -> None:
    """Print what one attempt has printed so far: the given one, or the newest with any output."""
    attempts = output.attempts()
    numbers = [number for number, each in enumerate(attempts) if each.captures]
    number = numbers[-1] if attempt is None and numbers else attempt or 0
    captures = attempts[number].captures if number < len(attempts) else []
    if not captures:
        raise NothingToPrintError(f"attempt {number} of the step has not printed anything yet")
    if not output.print_new(captures) and not output.is_complete(captures):
        manager = type(instance.compute_log_manager).__name__
        raise NothingToPrintError(
            f"{manager} has no output of attempt {number} on this machine: a manager that keeps"
            " files on the worker's machine shows them there alone"
        )


def follow(output: StepOutput, attempt: int | None) -> None:
    """Print what is new, once a second, until the attempt is over; without one, the step."""
    first = attempt if attempt is not None else len(output.attempts()) - 1
    idle = 0
    while idle < _IDLE_LOOKS:
        attempts = output.attempts()
        wanted = attempts[first : None if attempt is None else first + 1]
        captures = [capture for each in wanted for capture in each.captures]
        is_over = bool(wanted) and wanted[-1].is_over
        if output.print_new(captures) or not is_over:
            idle = 0
        elif output.is_complete(captures):
            return
        else:
            idle += 1
        time.sleep(_LOOK_SECONDS)


def main(arguments: Sequence[str]) -> int:
    """Print; return the exit code."""
    from dagster_taskiq.host.program import Fatal, build_instance

    parser = argparse.ArgumentParser(prog="dagster_taskiq.step_logs")
    parser.add_argument("run")
    parser.add_argument("step")
    parser.add_argument("--attempt", type=int)
    parser.add_argument("--follow", action="store_true")
    given = parser.parse_args(arguments)
    try:
        instance = build_instance()
        streams = sys.stdout.buffer, sys.stderr.buffer
        output = StepOutput(instance, given.run, given.step, *streams)
        if given.follow:
            follow(output, given.attempt)
        else:
            print_once(output, instance, given.attempt)
    except (Fatal, NothingToPrintError) as error:
        sys.stderr.write(f"taskiq logs: {error}\n")
        return 1
    except (BrokenPipeError, KeyboardInterrupt):
        return 0
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
