"""A worker that starts one step and then only waits to be killed: home, order, flags."""

import json
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))

from worker_double import WorkerDouble

worker = WorkerDouble(Path(sys.argv[1]), *sys.argv[3:])
worker.start("run", **json.loads(sys.argv[2]))
worker.await_frame("exited")
