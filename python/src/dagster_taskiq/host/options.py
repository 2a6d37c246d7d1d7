"""The command line: the frames' descriptor, and Dagster's own flags that name code locations."""

from __future__ import annotations

import argparse
import shlex
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from dagster_taskiq.dagster_internals.host import CodeLocationOrigin


MOST_STEPS_PER_PROCESS = 1_000


class UsageError(Exception):
    """The arguments are wrong; the message says which and why."""


@dataclass(frozen=True)
class Options:
    """What the command line says; Dagster's flags are read once Dagster is imported."""

    frames_fd: int
    location_flags: Sequence[str]
    count: bool = False
    """Whether to count the jobs and assets of the code locations."""
    imports_ahead: bool = True
    """Whether location hosts import what their steps were seen to import."""
    steps_per_process: int = 1
    """How many steps of a run one process runs, one after the other."""


def parse_options(arguments: Sequence[str]) -> Options:
    """Read what must be known before Dagster is imported. Raises UsageError."""
    parser = argparse.ArgumentParser(add_help=False, exit_on_error=False, allow_abbrev=False)
    parser.add_argument("--frames-fd", type=int)
    parser.add_argument("--count", action="store_true")
    parser.add_argument("--no-import-ahead", action="store_true")
    parser.add_argument("--steps-per-process", default="1")
    try:
        known, rest = parser.parse_known_args(arguments)
    except argparse.ArgumentError as error:
        raise UsageError(str(error)) from error
    if known.frames_fd is None:
        raise UsageError("--frames-fd: expected the descriptor of a socket to the worker, got none")
    steps = _steps_per_process(known.steps_per_process)
    return Options(known.frames_fd, rest, known.count, not known.no_import_ahead, steps)


def _steps_per_process(text: str) -> int:
    is_number = text.isascii() and text.isdigit() and len(text) <= 4
    if not is_number or not 1 <= int(text) <= MOST_STEPS_PER_PROCESS:
        raise UsageError(
            "--steps-per-process: expected a whole number from 1 to"
            f" {MOST_STEPS_PER_PROCESS}, got {text!r}"
        )
    return int(text)


def location_origins(flags: Sequence[str]) -> list[CodeLocationOrigin]:
    """Resolve -m, -f, -w, -d, -a and --package-name as `dagster` itself does. Raises UsageError.

    Without flags the environment variables of Dagster's commands count, then what these find in the
    working directory. That is `[tool.dagster]` or a `dg` project in pyproject.toml, or
    workspace.yaml. Without any of it there are none, and a run's record says where its code is.
    """
    import click

    try:
        return _resolve(list(flags))
    except click.ClickException as error:
        raise UsageError(_with_flags(error.format_message(), flags)) from error
    except Exception as error:
        raise UsageError(_with_flags(str(error), flags)) from error


def _resolve(flags: list[str]) -> list[CodeLocationOrigin]:
    from dagster_taskiq.dagster_internals.host import WorkspaceOpts, workspace_opts_to_load_target

    opts = WorkspaceOpts.extract_from_cli_options(_parse_dagster_flags(flags))
    if opts.grpc_port or opts.grpc_socket:
        raise ValueError("a step's process imports its code itself: expected -m, -f or -w")
    if not opts.specifies_target() and not _is_project(Path.cwd()):
        return []
    return list(workspace_opts_to_load_target(opts).create_origins())


def _is_project(directory: Path) -> bool:
    """Return whether Dagster's own commands, without flags, would find code locations there."""
    from dagster_taskiq.dagster_internals.host import has_pyproject_dagster_block

    pyproject = str(directory / "pyproject.toml")
    return has_pyproject_dagster_block(pyproject) or (directory / "workspace.yaml").exists()


def _with_flags(message: str, flags: Sequence[str]) -> str:
    return f"{message} (got: {shlex.join(flags)})"


def _parse_dagster_flags(flags: list[str]) -> dict[str, Any]:
    import click

    from dagster_taskiq.dagster_internals.host import workspace_options

    @workspace_options
    def collect(**values: Any) -> dict[str, Any]:
        return values

    command = click.command(add_help_option=False)(collect)
    if flags:
        # The worker has settled flags and variables; one of each kind would contradict each other.
        for parameter in command.params:
            parameter.envvar = None
    values: dict[str, Any] = command.main(flags, standalone_mode=False)
    return values
