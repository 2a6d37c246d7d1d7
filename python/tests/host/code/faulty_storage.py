"""Makes the event log of the process that imports it fail at terminal events, as FAULT says."""

import os

from dagster import Definitions
from dagster._core.storage.event_log.sqlite import SqliteEventLogStorage

FAULT = os.environ["FAULT"]
TERMINAL = {"STEP_SUCCESS", "STEP_FAILURE"}

store_event = SqliteEventLogStorage.store_event
get_logs_for_run = SqliteEventLogStorage.get_logs_for_run
failed = []


def store_or_fail(self, event):
    kind = event.dagster_event_type
    if kind is None or kind.value not in TERMINAL:
        store_event(self, event)
        return
    failed.append(kind)
    if FAULT == "commits_then_raises":
        store_event(self, event)
    raise ConnectionError("the database went away")


def read_or_fail(self, *arguments, **options):
    if failed and FAULT == "raises_unreadably":
        raise ConnectionError("the database is still away")
    return get_logs_for_run(self, *arguments, **options)


SqliteEventLogStorage.store_event = store_or_fail
SqliteEventLogStorage.get_logs_for_run = read_or_fail

defs = Definitions()
