"""Code with something to do when its process ends. LAB is where it leaves its marks."""

import atexit
import logging
import logging.handlers
import multiprocessing.util
import os
import shutil
import tempfile
import threading
import weakref
from pathlib import Path

from dagster import job, op

LAB = Path(os.environ["LAB"])
HELD = []


def mark(name):
    with (LAB / "marks").open("a") as marks:
        marks.write(f"{name}\n")


class Spans:
    """Buffers until the end of the process, like exporters of traces and metrics."""

    def __init__(self):
        self.kept = []
        atexit.register(self.flush)

    def flush(self):
        if self.kept:
            mark("hook of the import")


class Buffered(logging.handlers.MemoryHandler):
    def flush(self):
        if self.buffer:
            mark("log handler of the step")
            self.buffer.clear()


class Thing:
    pass


SPANS = Spans()
FILE = (LAB / "file").open("a")
atexit.register(lambda: HELD and (_ for _ in ()).throw(RuntimeError("a hook that fails")))

# Made at import, and removed at its process's end.
DIRECTORY = tempfile.TemporaryDirectory(prefix="import", dir=LAB)
BY_HOOK = tempfile.mkdtemp(prefix="import", dir=LAB)
atexit.register(shutil.rmtree, BY_HOOK)
BY_LAMBDA = tempfile.mkdtemp(prefix="import", dir=LAB)
atexit.register(lambda: shutil.rmtree(BY_LAMBDA))


@op
def uses_them():
    if not all(map(os.path.isdir, (DIRECTORY.name, BY_HOOK, BY_LAMBDA))):
        raise AssertionError("another step has removed them")
    SPANS.kept.append("span")
    log = logging.getLogger("buffered")
    log.addHandler(Buffered(1000, flushLevel=logging.CRITICAL))
    log.warning("kept until the end")
    FILE.write("buffered\n")
    thing = Thing()
    HELD.append(thing)
    HELD.append(tempfile.TemporaryDirectory(prefix="step", dir=LAB))
    HELD.append(tempfile.NamedTemporaryFile(prefix="step", dir=LAB))  # noqa: SIM115
    weakref.finalize(thing, mark, "finalizer of the step")
    multiprocessing.util.Finalize(thing, mark, ("finalizer of multiprocessing",), exitpriority=1)
    atexit.register(mark, "hook of the step")
    threading.Thread(target=lambda: threading.main_thread().join() or mark("thread")).start()


@job
def ends_well():
    uses_them()
