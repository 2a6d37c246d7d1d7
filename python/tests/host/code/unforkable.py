"""Code that works only in the process that has imported it: its thread is not in a fork."""

import os
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from dagster import Definitions
from host_jobs import FILE, single

threads = ThreadPoolExecutor(1, thread_name_prefix="pool")
threads.submit(threading.get_ident).result()
IMPORTED_BY = os.getpid()


@single("asks_its_thread", tags={"taskiq/isolation": "spawn"})
def asks_its_thread(_context):
    return threads.submit(lambda: 1).result(timeout=30)


@single("says_who_imported", config=FILE)
def says_who_imported(context):
    how = "spawned" if os.getpid() == IMPORTED_BY else "forked"
    Path(context.op_config["file"]).write_text(how)


defs = Definitions(jobs=[asks_its_thread, says_who_imported])
