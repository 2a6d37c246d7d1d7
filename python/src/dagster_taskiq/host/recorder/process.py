"""The life of the recorder's process: birth, its loop, its end."""

from __future__ import annotations

import os
import time
import traceback
from typing import TYPE_CHECKING, NoReturn

from dagster_taskiq.dagster_internals.recorder import kind_of_storage
from dagster_taskiq.host.child.birth import become_child
from dagster_taskiq.host.recorder.alarm import Alarmed, arm_alarm
from dagster_taskiq.host.recorder.mode import records_for_steps
from dagster_taskiq.host.recorder.postgres import Postgres
from dagster_taskiq.host.recorder.recorder import Recorder
from dagster_taskiq.host.recorder.sqlite import Sqlite
from dagster_taskiq.host.recorder.unkept import Unkept
from dagster_taskiq.host.system import linux

if TYPE_CHECKING:
    from dagster import DagsterInstance

    from dagster_taskiq.host.child.lifeline import Lifeline
    from dagster_taskiq.host.recorder.store import Store
    from dagster_taskiq.host.wire.channel import Channel


def be_recorder(
    channel: Channel,
    instance: DagsterInstance,
    delay: float,
    host_pid: int,
    lifeline: Lifeline,
) -> NoReturn:
    """Run the recorder in this process, then exit. It first waits `delay` seconds."""
    try:
        become_child(host_pid, lifeline)
        linux.name_process("taskiq-recorder")
        arm_alarm()
        time.sleep(delay)
        Recorder(channel, instance, Alarmed(store_of(instance))).serve()
    except (EOFError, OSError):
        pass  # the base is gone
    except BaseException:  # noqa: BLE001 - nothing may unwind into the base's stack
        traceback.print_exc()
    os._exit(0)


def store_of(instance: DagsterInstance) -> Store:
    """Return the store of the instance's kind. From then on Dagster's methods go through it."""
    if not records_for_steps(instance):
        return Unkept()
    if kind_of_storage(instance) == "sqlite":
        return Sqlite(instance)
    return Postgres(instance)
