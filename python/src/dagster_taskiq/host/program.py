"""`python -m dagster_taskiq.host`: from the arguments to the event loop.

Dagster is imported late, so that a frame can report a Dagster that is missing or fails.
"""

from __future__ import annotations

import gc
import os
import platform
import signal
import socket
import sys
from collections.abc import Sequence
from functools import partial
from typing import TYPE_CHECKING

from dagster_taskiq import __version__
from dagster_taskiq.host.options import Options, UsageError, parse_options
from dagster_taskiq.host.system import linux
from dagster_taskiq.host.wire.channel import Channel
from dagster_taskiq.host.wire.errors import error_from, warn
from dagster_taskiq.host.wire.frames import PROTOCOL
from dagster_taskiq.supported_dagster import (
    SUPPORTED,
    UnsupportedDagsterError,
    require_supported_dagster,
)

if TYPE_CHECKING:
    from dagster import DagsterInstance

USAGE = 2


class Fatal(Exception):
    """The host cannot work at all. The cause is chained."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code


def main(arguments: Sequence[str]) -> int:
    """Run the host; return its exit code."""
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)
    linux.die_with_parent(signal.SIGKILL)
    linux.adopt_orphans()
    _read_nothing_from_stdin()
    try:
        options = parse_options(arguments)
        worker = _open_frames(options.frames_fd)
    except UsageError as error:
        # There is no channel to report it on.
        sys.stderr.write(f"dagster_taskiq.host: {error}\n")
        return USAGE
    return _serve(options, worker)


def _serve(options: Options, worker: Channel) -> int:
    try:
        _import_dagster()
        _run(options, worker)
    except Fatal as error:
        cause = None if error.__cause__ is None else error_from(error.__cause__)
        fatal = {"type": "fatal", "code": error.code, "message": str(error), "error": cause}
        worker.send(fatal)
        return 1
    return 0


def _run(options: Options, worker: Channel) -> None:
    from dagster_taskiq.host.base.base import Base
    from dagster_taskiq.host.base.locations import Locations
    from dagster_taskiq.host.code.importing import location_of_flags
    from dagster_taskiq.host.options import location_origins
    from dagster_taskiq.host.record.identity import identity_of
    from dagster_taskiq.host.step_process import live_with

    try:
        origins = location_origins(options.location_flags)
    except UsageError as error:
        raise Fatal("USAGE", str(error)) from None
    instance = build_instance()
    found = [location_of_flags(each, count=options.count) for each in origins]
    locations = [each for each in found if each is not None]
    known = Locations(locations, imports_ahead=options.imports_ahead)
    ready = partial(_ready, identity_of(instance))
    base = Base(worker, instance, live_with, known, ready, options.steps_per_process)
    # What is imported stays: a look for garbage among it finds none, and copies it all.
    gc.freeze()
    # From here on the loop sees the worker's end itself, and kills every group before its own.
    linux.die_with_parent(0)
    base.serve()


def _import_dagster() -> None:
    # An import makes many objects and hardly any garbage; to look for it is a fifth of the time.
    gc.disable()
    try:
        require_supported_dagster()
        import dagster_taskiq.host.base.base
        import dagster_taskiq.host.step_process  # noqa: F401 - and with both all of Dagster

        prepare_for_steps()
    except UnsupportedDagsterError as error:
        raise Fatal("DAGSTER_VERSION", str(error)) from None
    except Exception as error:
        raise Fatal("DAGSTER_IMPORT", f"Dagster cannot be imported: {error}") from error
    finally:
        gc.enable()


def prepare_for_steps() -> None:
    """Do ahead what every step would do. Done before the instance is built, that fills caches."""
    from dagster_taskiq.host.code.preload import preload
    from dagster_taskiq.host.code.rehearsal import rehearse

    preload()
    try:
        rehearse()
    except Exception as error:  # noqa: BLE001 - steps build what they need themselves
        warn(f"a trial step failed, so each step takes a little longer to start: {error!r}")


def build_instance() -> DagsterInstance:
    """Build it before any fork; it connects on use, so processes share no connection."""
    from dagster_taskiq.dagster_internals.host import get_instance_for_cli

    try:
        # As `dagster api execute_step` does, .env included. Left open: processes dispose of it.
        return get_instance_for_cli().__enter__()
    except Exception as error:
        raise Fatal("INSTANCE", f"the Dagster instance cannot be opened: {error}") from error


def _ready(identity: str | None, locations: Sequence[object]) -> dict[str, object]:
    import dagster

    return {
        "type": "ready",
        "protocol": PROTOCOL,
        "pid": os.getpid(),
        "dagster": dagster.__version__,
        "dagster_taskiq": __version__,
        "dagster_range": SUPPORTED._asdict(),
        "python": platform.python_version(),
        "locations": locations,
        "instance": identity,
    }


def _open_frames(descriptor: int) -> Channel:
    try:
        return Channel(socket.socket(fileno=descriptor))
    except OSError as error:
        raise UsageError(f"--frames-fd {descriptor}: expected an open socket: {error}") from error


def _read_nothing_from_stdin() -> None:
    """Give every step end of file, whatever the host was started with."""
    null = os.open(os.devnull, os.O_RDONLY)
    os.dup2(null, 0)
    if null != 0:
        os.close(null)
