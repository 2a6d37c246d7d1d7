"""Imports only once an interrupt has come, in the process that IMPORT_STARTED is set for."""

import os
from pathlib import Path

from dagster._utils import interrupts
from host_jobs import single, wait_until

if "IMPORT_STARTED" in os.environ:
    Path(os.environ["IMPORT_STARTED"]).touch()
    wait_until(lambda: interrupts._received_interrupt["received"])


@single("never_runs")
def never_runs(_context):
    raise AssertionError("must not run")
