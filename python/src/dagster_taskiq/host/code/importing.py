"""Imports a code location, in the process that then forks its steps."""

from __future__ import annotations

import json
import os
import signal
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any

from dagster import AssetCheckKey, AssetKey

from dagster_taskiq.dagster_internals.host import (
    JobPythonOrigin,
    deserialize_value,
    recon_job_from_origin,
)
from dagster_taskiq.host.code.counts import counts_of
from dagster_taskiq.host.code.definitions import load_pointer, load_target
from dagster_taskiq.host.code.later_imports import try_imports
from dagster_taskiq.host.code.sources import RunCode, Source, source_of_target
from dagster_taskiq.host.wire.errors import error_from, error_info, warn
from dagster_taskiq.host.work.built_job import BuiltJob

if TYPE_CHECKING:
    from dagster import DagsterInstance

    from dagster_taskiq.dagster_internals.host import CodeLocationOrigin, ReconstructableJob
    from dagster_taskiq.host.wire.frames import ErrorInfo, Frame


@dataclass(frozen=True)
class CodeLocation:
    """A code location that can be imported."""

    name: str
    """Its name for people."""
    location: str | None
    """Its name for Dagster's secrets loader."""
    source: Source
    load: Callable[[], object]
    """Runs user code."""
    refused: ErrorInfo | None = None
    """Why it must not be imported here, however often it is asked for."""
    is_counted: bool = False
    """Whether its import counts the jobs and assets, too."""


@dataclass(frozen=True)
class Imported:
    """What became of an import."""

    error: ErrorInfo | None = None
    """What user code raised, if it did."""
    counts: Mapping[str, int] = field(default_factory=dict)
    """How many jobs and assets there are, where that was to be counted."""


def location_of_flags(origin: CodeLocationOrigin, *, count: bool = False) -> CodeLocation | None:
    """Return a code location of the worker's flags or workspace. None: it is left out, and logged.

    Only a server of its own (`grpc_server`) has no Python code to import.
    """
    name = origin.location_name
    target = _target_of(origin)
    if target is None:
        warn(
            f"code location {name} is not Python code to import ({type(origin).__name__});"
            " left out: the steps of its runs import what the run records name"
        )
        return None
    source = source_of_target(target)
    refused = None
    if not _is_for_this_python(target.executable_path):
        refused = error_info(
            "OtherInterpreter",
            f"it needs the Python {target.executable_path}, and this worker runs {sys.executable}:"
            " give it a worker of its own",
        )
    return CodeLocation(name, name, source, lambda: load_target(target, name), refused, count)


def location_of_run(code: RunCode) -> CodeLocation:
    """Return the code location that a run's own record names."""
    return CodeLocation(
        code.location or code.source.target,
        code.location,
        code.source,
        lambda: load_pointer(_origin_of(code).repository_origin.code_pointer, code.location),
    )


def import_code(instance: DagsterInstance, location: CodeLocation) -> Imported:
    """Import it. Never raises."""
    try:
        with _among_user_code(instance, location.location):
            loaded = location.load()
            return Imported(counts=_count(location, loaded) if location.is_counted else {})
    except BaseException as error:  # noqa: BLE001 - user code at import may well call sys.exit
        return Imported(error_from(error))


def _count(location: CodeLocation, loaded: Any) -> Mapping[str, int]:
    try:
        return counts_of(loaded)
    except Exception as error:  # noqa: BLE001 - user code; it is imported all the same
        warn(f"the jobs and assets of code location {location.name} cannot be counted: {error!r}")
        return {}


def build_job(instance: DagsterInstance, code: RunCode) -> BuiltJob | None:
    """Build the job and the plan of the run's steps. `None`: it failed, which costs only time."""
    parts = json.loads(code.planned_with or "{}")
    try:
        with _among_user_code(instance, code.location):
            return BuiltJob.build(_selected(code, parts), parts["config"])
    except BaseException as error:  # noqa: BLE001 - user code
        warn(f"cannot keep a job and its plan: {error!r}")
        return None


def try_modules(
    instance: DagsterInstance,
    location: str | None,
    names: tuple[Sequence[str], Sequence[str]],
    say: Callable[[Frame], None],
) -> None:
    """Import them as the location's code would. See `try_imports`."""
    with _among_user_code(instance, location):
        try_imports(*names, say)


def import_ahead(instance: DagsterInstance, location: str | None, name: str) -> None:
    """Import a module that has done no harm. Never raises."""
    try:
        with _among_user_code(instance, location):
            import_module(name)
    except BaseException as error:  # noqa: BLE001 - user code; a step then imports it itself
        warn(f"module {name} cannot be imported ahead: {error!r}")


def _selected(code: RunCode, parts: Mapping[str, Any]) -> ReconstructableJob:
    ops, assets, checks = (parts[name] for name in ("ops", "assets", "checks"))
    return recon_job_from_origin(_origin_of(code)).get_subset(
        op_selection=None if ops is None else frozenset(ops),
        asset_selection=None if assets is None else frozenset(map(AssetKey, assets)),
        asset_check_selection=None
        if checks is None
        else frozenset(AssetCheckKey(AssetKey(path), name) for *path, name in checks),
    )


def _origin_of(code: RunCode) -> JobPythonOrigin:
    return deserialize_value(code.origin, JobPythonOrigin)


def _target_of(origin: Any) -> Any:
    try:
        return origin.loadable_target_origin
    except Exception:  # noqa: BLE001 - Dagster's class for servers raises, and not the same in all versions
        return None


def _is_for_this_python(executable: str | None) -> bool:
    # By directory: python and python3 of one environment are the same.
    here = Path(sys.executable).parent
    return executable is None or Path(executable).absolute().parent == here


@contextmanager
def _among_user_code(instance: DagsterInstance, location: str | None) -> Iterator[None]:
    """Give the code its variables, and take back what it did to the process's signals."""
    try:
        with _environment_of(instance, location):
            yield
    finally:
        ignore_signals()


@contextmanager
def _environment_of(instance: DagsterInstance, location: str | None) -> Iterator[None]:
    """Give code at import the variables that Dagster's secrets loader has for its location."""
    before = dict(os.environ)
    instance.inject_env_vars(location)
    given = dict(os.environ.items() - before.items())
    try:
        yield
    finally:
        # Each step's process is given its own location's again. What the code itself has set at
        # import stays: no fork would set it again.
        for name in [name for name, value in given.items() if os.environ.get(name) == value]:
            if name in before:
                os.environ[name] = before[name]
            else:
                del os.environ[name]


def ignore_signals() -> None:
    """Leave it to the worker what a signal means: Ctrl-C reaches the terminal's whole group."""
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)
