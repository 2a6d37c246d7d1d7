# ruff: noqa: INP001 - a program, no package
"""Reads message bodies and frames with the Python decoders, and prints what each decoded to.

One JSON string a line, each answered by a line: the message's fields, `"frame"`, or null.
"""

import json
import sys

from dagster_taskiq.envelope import Envelope
from dagster_taskiq.host.wire.frames import Broken, decode
from dagster_taskiq.wire_fields import WireError, read_json


def body(text: str) -> object:
    """Return the fields of a message that is accepted."""
    try:
        fields = read_json(text)
    except (ValueError, RecursionError):
        return None
    if not isinstance(fields, dict):
        return None
    try:
        return Envelope.from_dict(fields).to_dict()
    except WireError:
        return None


def frame(text: str) -> object:
    """Tell a frame from what is none."""
    return None if isinstance(decode(text.encode()), Broken) else "frame"


READERS = {"body": body, "frame": frame}

read = READERS[sys.argv[1]]
for line in sys.stdin:
    sys.stdout.write(json.dumps(read(json.loads(line)), allow_nan=False) + "\n")
    sys.stdout.flush()
