"""What an import may leave behind, and what of it a fork would break."""

from __future__ import annotations

import subprocess
import sys

import pytest

LOOK = """
import sys
from dagster_taskiq.host.code import fork_safety
safety = fork_safety.ForkSafety()
fork_safety._TRIAL_SECONDS = 2.0
exec(sys.stdin.read(), {})
print(safety.reasons())
"""

SAFE = {
    "nothing": "",
    "a pool that is closed": """
from concurrent.futures import ThreadPoolExecutor
with ThreadPoolExecutor() as pool: list(pool.map(str, range(10)))
""",
    "a loop that is closed": """
import asyncio
asyncio.run(asyncio.sleep(0))
""",
    "a thread that starts again in a fork": """
import os, threading
def start(): threading.Thread(target=threading.Event().wait, name="exporter", daemon=True).start()
start(); os.register_at_fork(after_in_child=start)
""",
    "datagrams, pairs and files": """
import socket, tempfile
kept = [socket.socketpair(), socket.socket(type=socket.SOCK_DGRAM), tempfile.TemporaryFile()]
kept[1].connect(("127.0.0.1", 8125))
globals()["__builtins__"]["kept"] = kept
""",
    "a SQLite connection that is closed": """
import os, sqlite3, tempfile
path = os.path.join(tempfile.mkdtemp(), "rain.db")
globals()["__builtins__"]["kept"] = kept = sqlite3.connect(path)
kept.execute("create table rain (mm)")
kept.close()
""",
    "a SQLite database in memory": """
import sqlite3
globals()["__builtins__"]["kept"] = sqlite3.connect(":memory:")
""",
}

UNSAFE = {
    "a thread": (
        """
import threading
threading.Thread(target=threading.Event().wait, name="poller", daemon=True).start()
""",
        ["thread poller"],
    ),
    "a native thread": (
        """
import ctypes
libc, thread = ctypes.CDLL(None), ctypes.c_ulong()
libc.pthread_create(ctypes.byref(thread), None, libc.pause, None)
libc.pthread_setname_np(thread, b"polars-0")
""",
        ["native thread polars-0"],
    ),
    "a connection": (
        """
import socket
server = socket.create_server(("127.0.0.1", 0))
globals()["__builtins__"]["kept"] = [server, socket.create_connection(server.getsockname())]
""",
        ["a connection to 127.0.0.1 port N"],
    ),
    "an event loop": (
        """
import asyncio
globals()["__builtins__"]["kept"] = asyncio.new_event_loop()
""",
        ["an event loop (epoll)", "an asyncio event loop"],
    ),
    "a SQLite connection": (
        """
import os, sqlite3, tempfile
path = os.path.join(tempfile.mkdtemp(), "rain.db")
globals()["__builtins__"]["kept"] = kept = sqlite3.connect(path)
kept.execute("create table rain (mm)")
""",
        ["a SQLite database (rain.db)"],
    ),
    "a SQLite connection of a reader": (
        """
import os, sqlite3, tempfile
path = os.path.join(tempfile.mkdtemp(), "stations")
first = sqlite3.connect(path)
first.execute("create table stations (name)")
first.close()
globals()["__builtins__"]["kept"] = sqlite3.connect(f"file:{path}?mode=ro", uri=True)
""",
        ["a SQLite database (stations)"],
    ),
    "a hook that hangs in a fork": (
        """
import os, threading
os.register_at_fork(after_in_child=threading.Event().wait)
threading.Thread(target=threading.Event().wait, daemon=True).start()
""",
        ["code that hangs in a fork (os.register_at_fork)"],
    ),
}


def reasons(code):
    command = [sys.executable, "-c", LOOK]
    ended = subprocess.run(command, input=code, capture_output=True, text=True, check=False)
    assert ended.stderr == ""
    return eval(ended.stdout)


@pytest.mark.parametrize("left", SAFE)
def test_an_import_that_a_fork_survives_is_not_named(left):
    assert reasons(SAFE[left]) == []


@pytest.mark.parametrize("left", UNSAFE)
def test_an_import_that_breaks_a_fork_is_named(left):
    code, expected = UNSAFE[left]
    found = [reason.rstrip("0123456789") for reason in reasons(code)]
    assert found == [reason.rstrip("0123456789N") for reason in expected]
