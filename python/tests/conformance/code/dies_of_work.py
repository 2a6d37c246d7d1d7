"""A step host that is ready, and dies of its first order with words on stderr."""

import json
import os
import socket
import sys

number = int(sys.argv[sys.argv.index("--frames-fd") + 1])
with socket.socket(fileno=number) as frames:
    ready = {
        "type": "ready",
        "protocol": 1,
        "pid": os.getpid(),
        "dagster": "0.0.0",
        "dagster_taskiq": "0.0.0",
        "python": "3.10.0",
        "locations": [],
    }
    frames.sendall(json.dumps(ready).encode() + b"\n")
    frames.recv(1 << 16)
    # Printed before the descriptor closes, because the closing shows the end.
    sys.stderr.write("out of coffee\n")
    sys.exit(1)
