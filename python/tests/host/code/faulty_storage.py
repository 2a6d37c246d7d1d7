"""A step host in whose processes the storages fail as the file named by FAULT_FILE says."""

import os
import sys
from pathlib import Path

from dagster._core.storage.event_log.sqlite import SqliteEventLogStorage
from dagster._core.storage.runs.sqlite import SqliteRunStorage

from dagster_taskiq.host.program import main

TERMINAL = {"STEP_SUCCESS", "STEP_FAILURE"}

store_event = SqliteEventLogStorage.store_event
get_logs_for_run = SqliteEventLogStorage.get_logs_for_run
run_connection = SqliteEventLogStorage.run_connection
get_maximum_record_id = SqliteEventLogStorage.get_maximum_record_id
get_run_records = SqliteRunStorage.get_run_records
get_runs = SqliteRunStorage.get_runs
failed = []


def fault():
    return Path(os.environ["FAULT_FILE"]).read_text()


def store_or_fail(self, event):
    kind = event.dagster_event_type
    if kind is None or kind.value not in (TERMINAL | {fault()}):
        store_event(self, event)
        if fault() == "goes_unreadable" and kind is not None and kind.value == "HANDLED_OUTPUT":
            failed.append(kind)
        return
    failed.append(kind)
    if fault() == "commits_then_raises":
        store_event(self, event)
    raise ConnectionError("the database went away")


def read_or_fail(self, *arguments, **options):
    if fault() == "unreadable":
        raise ConnectionError("the database is away")
    return get_logs_for_run(self, *arguments, **options)


def connect_or_fail(self, run_id):
    if fault() == "unreadable" or (failed and fault() in ("raises_unreadably", "goes_unreadable")):
        raise ConnectionError("the database is away")
    return run_connection(self, run_id)


def number_or_fail(self):
    if fault() == "unreadable":
        raise ConnectionError("the database is away")
    return get_maximum_record_id(self)


def list_or_fail(self, *arguments, **options):
    if fault() == "no_runs":
        raise ConnectionError("the database is away")
    return get_run_records(self, *arguments, **options)


def find_or_fail(self, *arguments, **options):
    if fault() == "no_runs":
        raise ConnectionError("the database is away")
    return get_runs(self, *arguments, **options)


if __name__ == "__main__":
    SqliteEventLogStorage.store_event = store_or_fail
    SqliteEventLogStorage.get_logs_for_run = read_or_fail
    SqliteEventLogStorage.run_connection = connect_or_fail
    SqliteEventLogStorage.get_maximum_record_id = number_or_fail
    SqliteRunStorage.get_run_records = list_or_fail
    SqliteRunStorage.get_runs = find_or_fail
    sys.exit(main(sys.argv[1:]))
