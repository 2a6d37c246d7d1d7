"""The code locations: imported in the host once, so that each fork finds them imported."""

from __future__ import annotations

import inspect
import os
import signal
import sys
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from dagster._core.origin import JobPythonOrigin
from dagster._grpc.utils import get_loadable_targets
from dagster._serdes import deserialize_value
from dagster._utils.hosted_user_process import recon_job_from_origin

from dagster_taskiq.host import linux
from dagster_taskiq.host.code_files import CodeFiles
from dagster_taskiq.host.errors import error_from, error_info, warn

if TYPE_CHECKING:
    from dagster import DagsterInstance
    from dagster._core.remote_origin import CodeLocationOrigin

    from dagster_taskiq.host.frames import ErrorInfo, Frame


class Locations:
    """What is imported, and what a step process asked to have imported before the next fork."""

    def __init__(self, instance: DagsterInstance) -> None:
        self._instance = instance
        self._files = CodeFiles()
        self._wanted: list[tuple[str, str | None]] = []
        self._seen: set[str] = set()

    def import_all(self, origins: Sequence[CodeLocationOrigin]) -> list[Frame]:
        """Import each; one that fails is told in `ready` and does not hinder the others."""
        return [
            {"name": origin.location_name, "error": self._import_location(origin)}
            for origin in origins
        ]

    def want(self, origin: str, location: str | None) -> None:
        """Note a job's code, as a step process found it in the run record and imported it."""
        if origin not in self._seen:
            self._seen.add(origin)
            self._wanted.append((origin, location))

    def stale(self) -> str | None:
        """Return a file of the code that has changed since it was imported, if one has."""
        return self._files.changed()

    def import_wanted(self) -> None:
        """Import what was noted. A step ran with each already: an error here costs only time.

        Steps in flight that ask for a permit meanwhile wait as long; it happens once per job.
        """
        wanted, self._wanted = self._wanted, []
        for origin, location in wanted:
            try:
                with self._importing(location):
                    job_origin = deserialize_value(origin, JobPythonOrigin)
                    recon_job_from_origin(job_origin).get_definition()
            except BaseException as error:  # noqa: BLE001 - user code at import
                warn(f"cannot keep a job's code imported: {error!r}")

    def _import_location(self, origin: CodeLocationOrigin) -> ErrorInfo | None:
        target = getattr(origin, "loadable_target_origin", None)
        if target is None:
            warn(f"code location {origin.location_name} is not Python code to import; left out")
            return None
        if not _is_for_this_python(target.executable_path):
            return error_info(
                "OtherInterpreter",
                f"it asks for {target.executable_path}, and this worker runs {sys.executable}:"
                " give it a worker of its own",
            )
        try:
            with self._importing(origin.location_name):
                get_loadable_targets(**_loading_arguments(target))
        except BaseException as error:  # noqa: BLE001 - user code at import may well call sys.exit
            warn(f"code location {origin.location_name} cannot be imported: {error!r}")
            return error_from(error)
        return None

    @contextmanager
    def _importing(self, location: str | None) -> Iterator[None]:
        """Run user code in the host's own process, and look after what it leaves behind."""
        # In its event loop the host learns of the worker's end by itself, and kills every group
        # first. In here it may hang for ever, so the kernel must do it.
        linux.die_with_parent(signal.SIGKILL)
        try:
            with _environment_of(self._instance, location):
                yield
        finally:
            linux.die_with_parent(0)
            ignore_signals()
            _warn_of_threads()
            self._files.note_imported()


def _is_for_this_python(executable: str | None) -> bool:
    # By directory: python and python3 of one environment are the same.
    here = Path(sys.executable).parent
    return executable is None or Path(executable).absolute().parent == here


@contextmanager
def _environment_of(instance: DagsterInstance, location: str | None) -> Iterator[None]:
    """Give code at import the variables that Dagster's secrets loader has for its location."""
    before = dict(os.environ)
    instance.inject_env_vars(location)
    given = dict(os.environ.items() - before.items())
    try:
        yield
    finally:
        # Each step's process is given its own location's again; no other may see them. What the
        # code itself has set at import stays: no fork would set it again.
        for name in [name for name, value in given.items() if os.environ.get(name) == value]:
            if name in before:
                os.environ[name] = before[name]
            else:
                del os.environ[name]


def _loading_arguments(target: Any) -> dict[str, Any]:
    values: dict[str, Any] = {
        name: getattr(target, name, None) for name in _LOADING if name in _ACCEPTED
    }
    if "resolve_lazy_defs" in _ACCEPTED:
        # Not here: state that a run was planned with must be resolved in its own process.
        values["resolve_lazy_defs"] = False
    return values


_ACCEPTED = inspect.signature(get_loadable_targets).parameters
_LOADING = (
    "python_file",
    "module_name",
    "package_name",
    "autoload_defs_module_name",
    "working_directory",
    "attribute",
)


def ignore_signals() -> None:
    """Leave it to the worker what a signal means: Ctrl-C reaches the terminal's whole group."""
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)


def _warn_of_threads() -> None:
    others = [t.name for t in threading.enumerate() if t is not threading.main_thread()]
    if others:
        warn(
            f"code started threads at import ({', '.join(others)}); no forked step has them:"
            " tag its ops taskiq/isolation: spawn, and leave it out of the worker's flags"
        )
