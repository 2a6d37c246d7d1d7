"""The watcher: a process of the base's own that asks Dagster about the runs of its steps.

Where is a run's code? Which runs with live steps are over? The base itself must neither wait for a
database nor hold a connection that a fork would share.
"""

from __future__ import annotations

import os
import signal
import time
import traceback
from typing import TYPE_CHECKING, Any, NoReturn

from dagster import DagsterRunStatus, RunsFilter

from dagster_taskiq.host.child.birth import become_child
from dagster_taskiq.host.code.sources import RunCode, code_of
from dagster_taskiq.host.record.planned import stored_plans
from dagster_taskiq.host.record.pool_slots import free_slot
from dagster_taskiq.host.record.standing import GOING_ON
from dagster_taskiq.host.system import linux
from dagster_taskiq.host.wire.errors import error_from, warn

if TYPE_CHECKING:
    from collections.abc import Iterable

    from dagster import DagsterInstance

    from dagster_taskiq.host.child.lifeline import Lifeline
    from dagster_taskiq.host.wire.channel import Channel

_CANCELED = [DagsterRunStatus.CANCELING, DagsterRunStatus.CANCELED]
# A database that answers nothing at all: the process ends, and the host starts another.
_HUNG_SECONDS = 60


def be_watcher(
    channel: Channel,
    instance: DagsterInstance,
    delay: float,
    host_pid: int,
    lifeline: Lifeline,
) -> NoReturn:
    """Be that process; `delay` is how many seconds to wait before the first look."""
    try:
        become_child(host_pid, lifeline)
        linux.name_process("taskiq-watcher")
        # Its default action ends the process wherever it hangs, which no Python handler could.
        signal.signal(signal.SIGALRM, signal.SIG_DFL)
        time.sleep(delay)
        Watcher(channel, instance).watch()
    except (EOFError, OSError):
        pass  # the host is gone
    except BaseException:  # noqa: BLE001 - nothing may unwind into the host's stack
        traceback.print_exc()
    os._exit(0)


class Watcher:
    """Asks the base what to look at, looks, and answers."""

    def __init__(self, channel: Channel, instance: DagsterInstance) -> None:
        self._channel = channel
        self._instance = instance
        self._unfreed: list[tuple[str, str]] = []
        self._failures = 0

    def watch(self) -> NoReturn:
        """Go on until the base is gone. Raises EOFError or OSError then."""
        while True:
            self._channel.send({"type": "ask", "failures": self._failures})
            # Answered once there is something to look at: until then nothing is connected to.
            while not (frames := self._channel.receive()):
                pass
            for frame in frames:
                signal.alarm(_HUNG_SECONDS)
                self._answer(frame)
                signal.alarm(0)

    def _answer(self, question: Any) -> None:
        self._locate(question["locate"])
        self._look(question)

    def _locate(self, run_ids: list[str]) -> None:
        error = None
        codes: dict[str, RunCode | None] = {}
        try:
            codes = codes_of(self._instance, run_ids)
        except Exception as failed:  # noqa: BLE001 - storages raise what they like
            error = error_from(failed)
        for run_id in run_ids:
            code = codes.get(run_id)
            told = None if code is None else code.to_frame()
            located = {"type": "located", "run_id": run_id, "code": told, "error": error}
            self._channel.send(located)

    def _look(self, frame: Any) -> None:
        self._unfreed += [(run_id, step_key) for run_id, step_key in frame["ended"]]
        if not frame["runs"] and not self._unfreed:
            return
        try:
            over = over_among(self._instance, frame["runs"])
            while self._unfreed:
                free_slot(self._instance, *self._unfreed[-1])
                self._unfreed.pop()
        except Exception as error:  # noqa: BLE001 - storages raise what they like
            self._failures = min(self._failures + 1, 10)
            if self._failures == 1:
                warn(f"cannot see whether runs are over: {error!r}; going on trying")
            return
        if self._failures:
            warn("whether runs are over can be seen again")
        self._failures = 0
        if over:
            self._channel.send({"type": "over", "runs": over})


def codes_of(instance: DagsterInstance, run_ids: list[str]) -> dict[str, RunCode | None]:
    """Return the code and plans of these runs, by two queries; nothing for a run that is over."""
    if not run_ids:
        return {}
    found = instance.get_runs(RunsFilter(run_ids=run_ids, statuses=list(GOING_ON)))
    plan_ids = {run.run_id: run.execution_plan_snapshot_id or "" for run in found}
    plans = stored_plans(instance, set(plan_ids.values()) - {""})
    return {run.run_id: code_of(run, plans.get(plan_ids[run.run_id])) for run in found}


def over_among(instance: DagsterInstance, run_ids: Iterable[str]) -> dict[str, bool]:
    """Return the runs that are finished, canceling or unknown; true for those that were canceled.

    By one query, and a second one when there are any.
    """
    wanted = list(run_ids)
    if not wanted:
        return {}
    going_on = instance.get_run_ids(RunsFilter(run_ids=wanted, statuses=list(GOING_ON)))
    over = sorted(set(wanted) - set(going_on))
    if not over:
        return {}
    canceled = instance.get_run_ids(RunsFilter(run_ids=over, statuses=_CANCELED))
    return {run_id: run_id in canceled for run_id in over}
