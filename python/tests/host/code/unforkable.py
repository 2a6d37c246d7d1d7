"""Code that works only in the process that has imported it: its thread is not in a fork."""

import threading
from concurrent.futures import ThreadPoolExecutor

from host_jobs import single

threads = ThreadPoolExecutor(1)
threads.submit(threading.get_ident).result()


@single("asks_its_thread", tags={"taskiq/isolation": "spawn"})
def asks_its_thread(_context):
    return threads.submit(lambda: 1).result(timeout=30)
