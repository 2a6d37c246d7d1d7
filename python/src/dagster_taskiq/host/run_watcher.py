"""The watcher: a process of the host's own that asks Dagster which runs with live steps are over.

The host itself must neither wait for a database nor hold a connection that a fork would share.
"""

from __future__ import annotations

import os
import signal
import time
import traceback
from typing import TYPE_CHECKING, Any, NoReturn

from dagster import DagsterRunStatus, RunsFilter

from dagster_taskiq.host import linux
from dagster_taskiq.host.birth import become_child
from dagster_taskiq.host.errors import warn
from dagster_taskiq.host.pool_slots import free_slot
from dagster_taskiq.host.standing import GOING_ON

if TYPE_CHECKING:
    from collections.abc import Iterable

    from dagster import DagsterInstance

    from dagster_taskiq.host.channel import Channel
    from dagster_taskiq.host.lifeline import Lifeline

# A cancellation reaches its steps within this time, at the price of one query per host and turn.
POLL_SECONDS = 2.0
_LONGEST_WAIT = 30.0
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
    """Asks the host for its runs, looks at them, tells those that are over, and rests."""

    def __init__(self, channel: Channel, instance: DagsterInstance) -> None:
        self._channel = channel
        self._instance = instance
        self._unfreed: list[tuple[str, str]] = []
        self._failures = 0

    def watch(self) -> NoReturn:
        """Go on until the host is gone. Raises EOFError or OSError then."""
        while True:
            self._channel.send({"type": "ask"})
            # Answered once there is a run to look at: until then nothing is connected to.
            for frame in self._channel.receive():
                self._look(frame)
            time.sleep(min(_LONGEST_WAIT, POLL_SECONDS * 2.0**self._failures))

    def _look(self, frame: Any) -> None:
        self._unfreed += [(run_id, step_key) for run_id, step_key in frame["ended"]]
        signal.alarm(_HUNG_SECONDS)
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
        finally:
            signal.alarm(0)
        if self._failures:
            warn("whether runs are over can be seen again")
        self._failures = 0
        if over:
            self._channel.send({"type": "over", "runs": over})


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
