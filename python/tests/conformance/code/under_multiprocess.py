"""The kinds of steps, run by Dagster's own executor: what the queue is held against.

Its forkserver imports this module, so what is done here is done once and not per step.
"""

from dagster import DagsterInstance, multiprocess_executor
from step_kinds import definitions

from dagster_taskiq.host.code.preload import preload

preload()
# Dagster imports its storages with the first instance only.
DagsterInstance.get().dispose()
defs = definitions(multiprocess_executor)
defs.get_repository_def()
