"""Reads message bodies and frames with the Python decoders, one JSON string a line, and says what they made of each."""

import json
import sys

from dagster_taskiq.envelope import Envelope
from dagster_taskiq.host.frames import Broken, decode
from dagster_taskiq.wire_fields import WireError, read_json


def body(text: str) -> object:
    try:
        fields = read_json(text)
    except ValueError:
        return None
    if not isinstance(fields, dict):
        return None
    try:
        return Envelope.from_dict(fields).to_dict()
    except WireError:
        return None


def frame(text: str) -> object:
    return None if isinstance(decode(text.encode()), Broken) else "frame"


READERS = {"body": body, "frame": frame}

read = READERS[sys.argv[1]]
for line in sys.stdin:
    print(json.dumps(read(json.loads(line)), allow_nan=False), flush=True)
