"""Which code a run is of, and by which plan: what its record says, and what is the same code."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from dagster_taskiq.host.record.planned import StoredPlan
from dagster_taskiq.host.wire.frames import Frame

if TYPE_CHECKING:
    from dagster import DagsterRun


# It travels with each order.
_LONGEST_PLANNED_WITH = 256 * 1024


@dataclass(frozen=True)
class Source:
    """What an import begins with: the `module`, `file` or `autoload` module called `target`.

    `kind` is `other` for a pointer that only Dagster understands, and `target` is its text then.
    """

    kind: str
    target: str
    directory: str | None
    """The working directory that Dagster puts into `sys.path`. None means none."""

    def is_same_code(self, other: Source) -> bool:
        """Return whether one process may serve both.

        A directory that is missing on this machine adds nothing to what can be imported: the run
        may have been launched from another container.
        """
        if (self.kind, self.target) != (other.kind, other.target):
            return False
        here, there = _existing(self.directory), _existing(other.directory)
        return here is None or there is None or here == there


@dataclass(frozen=True)
class RunCode:
    """What a run's record says that never changes; plain values, since a frame carries it."""

    location: str | None
    """The name of the code location that the run was launched from."""
    source: Source
    origin: str
    """Dagster's own `JobPythonOrigin`, serialized."""
    plain: bool
    """Whether the definitions are made by the import alone, without data kept with the run."""
    plan: StoredPlan | None = None
    """None leaves it to each step's process to read the plan."""
    planned_with: str | None = None
    """The run's config and selections, as JSON; see `planned_with`. `None` means too much of it."""

    def to_frame(self) -> Frame:
        """Return it as a frame carries it."""
        return asdict(self)

    @staticmethod
    def from_frame(frame: Frame) -> RunCode:
        """Read what `to_frame` wrote."""
        fields = {name: frame[name] for name in ("location", "origin", "plain", "planned_with")}
        plan = None if frame["plan"] is None else StoredPlan(**frame["plan"])
        return RunCode(source=Source(**frame["source"]), plan=plan, **fields)


def code_of(run: DagsterRun, plan: StoredPlan | None = None) -> RunCode | None:
    """Return where the run's code is. None means that its record does not say."""
    from dagster_taskiq.dagster_internals.host import serialize_value

    origin = run.job_code_origin
    if origin is None:
        return None
    remote = run.remote_job_origin
    return RunCode(
        None if remote is None else remote.location_name,
        source_of_pointer(origin.repository_origin.code_pointer),
        serialize_value(origin),
        not run.has_repository_load_data,
        plan,
        planned_with(run),
    )


def planned_with(run: DagsterRun) -> str | None:
    """Return what a run's plan depends on besides its code, as JSON with sorted keys."""
    assets, checks = run.asset_selection, run.asset_check_selection
    parts = {
        "config": run.run_config,
        "ops": None if run.resolved_op_selection is None else sorted(run.resolved_op_selection),
        "assets": None if assets is None else sorted(list(key.path) for key in assets),
        "checks": None
        if checks is None
        else sorted([*key.asset_key.path, key.name] for key in checks),
    }
    try:
        text = json.dumps(parts, sort_keys=True)
    except TypeError:
        return None
    return text if len(text) <= _LONGEST_PLANNED_WITH else None


def source_of_pointer(pointer: Any) -> Source:
    """Read one of Dagster's code pointers; two that differ in the attribute alone are the same."""
    kind = type(pointer).__name__
    directory = getattr(pointer, "working_directory", None)
    if kind == "FileCodePointer":
        return Source("file", _absolute(pointer.python_file), directory)
    if kind in ("ModuleCodePointer", "PackageCodePointer"):
        return Source("module", pointer.module, directory)
    if kind == "AutoloadDefsModuleCodePointer":
        return Source("autoload", pointer.module, directory)
    from dagster_taskiq.dagster_internals.host import serialize_value

    return Source("other", serialize_value(pointer), None)


def source_of_target(target: Any) -> Source:
    """Read the target of a code location as Dagster's flags and workspace files name it."""
    directory = target.working_directory
    if target.python_file:
        return Source("file", _absolute(target.python_file), directory)
    if module := target.module_name or target.package_name:
        return Source("module", module, directory)
    return Source("autoload", target.autoload_defs_module_name, directory)


def _absolute(file: str) -> str:
    return str(Path(file).absolute())


def _existing(directory: str | None) -> Path | None:
    path = None if directory is None else Path(directory)
    return path.resolve() if path is not None and path.is_dir() else None
