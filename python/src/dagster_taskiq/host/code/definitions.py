"""Loads the definitions of a code location once, also those behind a function.

A project that `create-dagster` makes has a function in place of definitions (`@definitions`), which
imports the folder `defs/` when it is called. Dagster calls it in each process. Here a fork finds
what the first call returned, unless that was made from state: a run is planned with the state of
its moment and says which, so such definitions are made in each process.
"""

from __future__ import annotations

import inspect
import traceback
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from dagster import Definitions
from dagster._core import code_pointer
from dagster._core.definitions import definitions_load_context as loading
from dagster._grpc.utils import get_loadable_targets
from dagster._utils.test.definitions import LazyDefinitions

from dagster_taskiq.host.errors import warn

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


def load_definitions(target: Any) -> None:
    """Import what the origin's target names, call what is lazy, and keep what came of it.

    Raises whatever the code raises.
    """
    values: dict[str, Any] = {
        name: getattr(target, name, None) for name in _LOADING if name in _ACCEPTED
    }
    if "resolve_lazy_defs" in _ACCEPTED:
        values["resolve_lazy_defs"] = False
    with _initializing() as context:
        for found in get_loadable_targets(**values):
            definition = found.target_definition
            if isinstance(definition, LazyDefinitions):
                _keep(("lazy", id(definition)), _called(definition), context)
                _called_ones.append(definition)  # or its id might be another's one day
            elif (module := values["autoload_defs_module_name"]) is not None:
                _keep(("module", module), definition, context)


def keep_in_forks() -> None:
    """Have Dagster take what was kept, in this process and its forks."""
    call = LazyDefinitions.__call__
    load = getattr(code_pointer, "AutoloadDefsModuleCodePointer", None)

    def called(self: Any, *args: Any, **options: Any) -> Any:
        kept = _kept.get(("lazy", id(self)))
        return call(self, *args, **options) if kept is None else kept

    LazyDefinitions.__call__ = called  # type: ignore[method-assign]
    if load is not None:
        load_target = load.load_target

        def loaded(self: Any) -> Any:
            kept = _kept.get(("module", self.module))
            return load_target(self) if kept is None else kept

        load.load_target = loaded


_kept: dict[tuple[str, object], Any] = {}
_called_ones: list[Any] = []


def _called(definition: Any) -> Any:
    try:
        return definition()
    except Exception as error:
        frames = traceback.extract_tb(error.__traceback__)
        if not any(frame.name in _FETCHING for frame in frames):
            raise
        warn(f"the state of definitions cannot be fetched; each step uses its run's: {error!r}")
        return None


def _keep(key: tuple[str, object], definition: Any, context: Any) -> None:
    if definition is None or _is_made_from_state(definition, context):
        return
    if isinstance(definition, Definitions):
        definition.get_repository_def()  # kept with it; what is wrong between definitions shows
    _kept[key] = definition


def _is_made_from_state(definition: Any, context: Any) -> bool:
    if context.get_pending_reconstruction_metadata():
        return True
    state: Any = getattr(context, "accessed_defs_state_info", None)
    if state is not None and state.info_mapping:
        return True
    kinds = {type(each).__mro__ for each in getattr(definition, "assets", None) or ()}
    return any(base.__name__ == "CacheableAssetsDefinition" for mro in kinds for base in mro)


@contextmanager
def _initializing() -> Iterator[Any]:
    """Load as Dagster's code server does, and leave nothing of it for the steps' processes."""
    of_class: Any = loading.DefinitionsLoadContext
    before = of_class._instance
    of_class.set(of_class(load_type=loading.DefinitionsLoadType.INITIALIZATION))
    try:
        yield of_class.get()
    finally:
        of_class._instance = before
