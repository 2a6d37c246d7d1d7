"""What this package changes in Dagster while it runs. Each function says how that is undone.

Modules of Dagster are imported inside the functions, because the run worker needs one patch only.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from importlib import import_module
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from dagster import DagsterInstance, JobDefinition

    from dagster_taskiq.dagster_internals.host import ReconstructableJob
    from dagster_taskiq.dagster_internals.producer import EventLogStorage


@contextmanager
def claim_slots_by(storage: EventLogStorage, claim: Callable[..., Any]) -> Iterator[None]:
    """Have Dagster's executor claim slots of pools by `claim`.

    The executor makes its concurrency context itself, with nothing but the storage.
    Undone when the context ends: the storage's own method is put back.
    """
    own = storage.claim_concurrency_slot
    storage.claim_concurrency_slot = claim  # type: ignore[method-assign]
    try:
        yield
    finally:
        storage.claim_concurrency_slot = own  # type: ignore[method-assign]


@contextmanager
def store_events_by(storage: EventLogStorage, store: Callable[..., Any]) -> Iterator[None]:
    """Have the storage store each event by `store`.

    Undone when the context ends: the method of the storage's class is found again.
    """
    storage.store_event = store  # type: ignore[method-assign]
    try:
        yield
    finally:
        del storage.store_event


@contextmanager
def connect_event_log_by(storage: Any, connect: Callable[[], Any]) -> Iterator[None]:
    """Have the event log of dagster-postgres connect by `connect`, a context manager.

    Undone when the context ends: the method of the storage's class is found again.
    """
    storage._connect  # noqa: B018 - or the patch would change nothing
    storage._connect = connect
    try:
        yield
    finally:
        del storage._connect


def take_events_by(storage: EventLogStorage, take: Callable[..., None]) -> Callable[..., None]:
    """Have `take` take each event that is to be stored, and return the storage's own method.

    Not undone: it is of one instance in a process that runs one step and ends.
    """
    own = storage.store_event

    def take_all(events: Sequence[Any]) -> None:
        for event in events:
            take(event)

    storage.store_event = take  # type: ignore[method-assign]
    storage.store_event_batch = take_all  # type: ignore[method-assign]
    return own


def write_events_by(instance: DagsterInstance, write: Callable[..., None]) -> Callable[..., None]:
    """Have the instance write events by `write`, and return its own method.

    Dagster's log manager looks the method up on the instance for every event.

    Not undone: it is of one instance in a process that does one piece of work and ends.
    """
    own = instance.handle_new_event
    instance.handle_new_event = write  # type: ignore[method-assign]
    return own


def mirror_output_by(mirror: Callable[..., Any]) -> None:
    """Have the local compute log manager capture each stream by `mirror`, a context manager.

    Dagster looks it up as a global of the module at each capture.
    Not undone: it is called in a process that runs one step and ends.
    """
    local_logs = import_module("dagster._core.storage.local_compute_log_manager")
    name = "mirror_stream_to_file"
    if not hasattr(local_logs, name):
        raise AttributeError(f"{local_logs.__name__} has no {name}")
    setattr(local_logs, name, mirror)


def read_migrations_once() -> None:
    """Keep SQLite's migration scripts once read. Raises ImportError, AttributeError.

    Dagster has one event log per run there. At a process's first look into one it reads all scripts
    to compare the schema's revision. That takes 40 of a short step's 160 ms of CPU.

    Not undone: the scripts are part of the installed package, and never change while it runs.
    """
    storage: Any = import_module("dagster._core.storage.sql")
    read = storage.ScriptDirectory.from_config
    kept: dict[str, Any] = {}

    def from_config(config: Any) -> Any:
        location = config.get_main_option("script_location")
        if location not in kept:
            kept[location] = read(config)
        return kept[location]

    storage.ScriptDirectory = SimpleNamespace(from_config=from_config)


def call_definitions_by(made_from: Callable[[object], Any]) -> None:
    """Have Dagster take definitions that `made_from` returns for their source.

    The source is a function (`@definitions`) or the name of an autoloaded module. For `None`
    Dagster makes them as always.
    Not undone: where nothing was made, nothing is different.
    """
    from dagster._utils.test.definitions import LazyDefinitions

    call = LazyDefinitions.__call__

    def call_once(self: Any, *args: Any, **options: Any) -> Any:
        made = made_from(self)
        return call(self, *args, **options) if made is None else made

    LazyDefinitions.__call__ = call_once  # type: ignore[method-assign]

    pointer = getattr(import_module("dagster._core.code_pointer"), AUTOLOAD, None)
    if pointer is None:
        return
    load = pointer.load_target

    def load_once(self: Any) -> Any:
        made = made_from(self.module)
        return load(self) if made is None else made

    pointer.load_target = load_once


def use_built_job(
    job: ReconstructableJob, definition: JobDefinition, plan_of: Callable[..., Any]
) -> None:
    """Have Dagster find the job's definition built, and plan its steps by `plan_of`.

    `plan_of` takes step keys and what is known of the run. For `None` Dagster makes the plan.
    `dagster api execute_step` asks for both by these names.
    Not undone: it is called in a process that runs one step and ends.
    """
    dagster_api: Any = import_module("dagster._cli.api")
    build, plan = type(job).get_definition, dagster_api.create_execution_plan

    def get_definition(self: ReconstructableJob) -> JobDefinition:
        return definition if self == job else build(self)

    def create_execution_plan(of: ReconstructableJob, **options: Any) -> Any:
        keys, known_state = options["step_keys_to_execute"], options["known_state"]
        made = plan_of(keys, known_state) if of == job else None
        return plan(of, **options) if made is None else made

    type(job).get_definition = get_definition  # type: ignore[assignment, method-assign]
    dagster_api.create_execution_plan = create_execution_plan


def resolve_config_once() -> None:
    """Have Dagster keep the resolved config of the job and the run config that it saw last.

    Not undone: it is called in a process that runs steps of one run and ends.
    """
    kind: Any = import_module("dagster._core.system_config.objects").ResolvedRunConfig
    resolve = kind.build
    kept: list[Any] = []

    def build(job_def: JobDefinition, run_config: Any = None) -> Any:
        if not kept or kept[0] is not job_def or kept[1] != run_config:
            kept[:] = [job_def, run_config, resolve(job_def, run_config)]
        return kept[2]

    kind.build = staticmethod(build)


AUTOLOAD = "AutoloadDefsModuleCodePointer"
"""The class of code pointers whose module is loaded whole."""
