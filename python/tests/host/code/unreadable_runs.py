"""Makes listing runs fail, in the processes of its host, as long as the file OUTAGE exists."""

import os
from pathlib import Path

from dagster import Definitions
from dagster._core.storage.runs.sqlite import SqliteRunStorage

get_run_ids = SqliteRunStorage.get_run_ids


def list_or_fail(self, *arguments, **options):
    outage = Path(os.environ["OUTAGE"])
    if outage.exists():
        with outage.open("a") as tries:
            tries.write("1")
        raise ConnectionError("the database is away")
    return get_run_ids(self, *arguments, **options)


SqliteRunStorage.get_run_ids = list_or_fail

defs = Definitions()
