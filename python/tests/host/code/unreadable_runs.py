"""A step host in whose processes listing the runs that go on fails while the file OUTAGE exists."""

import os
import sys
from pathlib import Path

from dagster._core.storage.runs.sqlite import SqliteRunStorage

from dagster_taskiq.host.program import main

get_run_ids = SqliteRunStorage.get_run_ids


def list_or_fail(self, *arguments, **options):
    outage = Path(os.environ["OUTAGE"])
    if outage.exists():
        with outage.open("a") as tries:
            tries.write("1")
        raise ConnectionError("the database is away")
    return get_run_ids(self, *arguments, **options)


if __name__ == "__main__":
    SqliteRunStorage.get_run_ids = list_or_fail
    sys.exit(main(sys.argv[1:]))
