"""The kinds of steps, sent through a queue."""

from step_kinds import definitions

from dagster_taskiq import taskiq_executor

defs = definitions(taskiq_executor)
