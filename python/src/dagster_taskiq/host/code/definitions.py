"""Makes the definitions of a code location once, also those behind a function.

A project that `create-dagster` makes has a function in place of definitions (`@definitions`), which
imports the folder `defs/` when it is called. Dagster calls it in each process. Here a fork finds
the result of the first call. Definitions that were made from state are an exception. A run is
planned with the state of its moment and names it, so such definitions are made in each process.
"""

from __future__ import annotations

import inspect
import traceback
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from dagster import Definitions

from dagster_taskiq.dagster_internals.host import (
    DefinitionsLoadContext,
    DefinitionsLoadType,
    LazyDefinitions,
    RepositoryLoadData,
    get_loadable_targets,
)
from dagster_taskiq.dagster_internals.patches import AUTOLOAD, call_definitions_by
from dagster_taskiq.host.code.other_executors import warn_of_other_executors
from dagster_taskiq.host.wire.errors import warn

_ACCEPTED = inspect.signature(get_loadable_targets).parameters
_LOADING = (
    "python_file",
    "module_name",
    "package_name",
    "autoload_defs_module_name",
    "working_directory",
    "attribute",
)
# Functions of Dagster's that fetch state; a run that was planned with some has it already.
_FETCHING = frozenset({"fetch_state", "write_state_to_path"})


def load_target(target: Any, location: str | None) -> list[Any]:
    """Import what the target of a code location's origin names, and make its definitions.

    Returns what Dagster finds there: definitions, or functions that make some. `location` is the
    name of the code location. Raises whatever the code raises.
    """
    values: dict[str, Any] = {
        name: getattr(target, name, None) for name in _LOADING if name in _ACCEPTED
    }
    if "resolve_lazy_defs" in _ACCEPTED:
        values["resolve_lazy_defs"] = False
    with _initializing(location) as context:
        found = [each.target_definition for each in get_loadable_targets(**values)]
        for each in found:
            _make(each, values.get("autoload_defs_module_name"), context)
            warn_of_other_executors(_made_from(each) or each)
        return found


def load_pointer(pointer: Any, location: str | None) -> None:
    """Do the same for the code pointer of a run."""
    with _initializing(location) as context:
        module = pointer.module if type(pointer).__name__ == AUTOLOAD else None
        _make(pointer.load_target(), module, context)


def _make(found: Any, module: str | None, context: DefinitionsLoadContext) -> None:
    """Make what the pointer of a run will find; `module` is what Dagster would load it from."""
    if isinstance(found, LazyDefinitions):
        made = _called(found)
        if made is not None and not _is_made_from_state(made, context):
            _checked(made)
            _made.append((found, made))
    elif module is not None and not _is_made_from_state(found, context):
        _made.append((module, _checked(found)))


def _called(lazy: Any) -> Any:
    """Call it. None: its state cannot be had now."""
    try:
        return lazy()
    except Exception as error:
        frames = traceback.extract_tb(error.__traceback__)
        if not any(frame.name in _FETCHING for frame in frames):
            raise
        warn(f"cannot read the state of the definitions; each step uses its run's: {error!r}")
        return None


def _checked(made: Any) -> Any:
    """Resolve them against each other, which is kept with them. Raises what does not fit."""
    if isinstance(made, Definitions):
        made.get_repository_def()
    return made


def _is_made_from_state(made: Any, context: Any) -> bool:
    if context.get_pending_reconstruction_metadata():
        return True
    state = getattr(context, "accessed_defs_state_info", None)
    if state is not None and state.info_mapping:
        return True
    kinds = {type(each) for each in getattr(made, "assets", None) or ()}
    names = {base.__name__ for kind in kinds for base in kind.__mro__}
    return "CacheableAssetsDefinition" in names


@contextmanager
def _initializing(location: str | None) -> Iterator[DefinitionsLoadContext]:
    """Load as Dagster's code server does; nothing of that is left for the steps' processes."""
    of_class: Any = DefinitionsLoadContext
    before = of_class._instance
    known = inspect.signature(RepositoryLoadData.__new__).parameters
    named: dict[str, Any] = {"code_location_name": location}
    data = RepositoryLoadData(**named) if "code_location_name" in known else None
    context = of_class(DefinitionsLoadType.INITIALIZATION, data)
    of_class.set(context)
    try:
        yield context
    finally:
        of_class._instance = before


# What was made already, by the function or the module that Dagster would make it from again.
_made: list[tuple[object, Any]] = []


def _made_from(source: object) -> Any:
    return next((made for known, made in _made if known is source or known == source), None)


call_definitions_by(_made_from)
