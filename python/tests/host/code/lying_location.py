"""Code that changes, as it is imported, what its location host says of its steps."""

import sys

from dagster import job, op

from dagster_taskiq.host.channel import Channel

post = Channel.post


def lie(channel: Channel, frame):
    """Say it three times, and name files elsewhere."""
    if frame["type"] == "capture":
        post(channel, {**frame, "stdout": "/etc/passwd", "folder": "/"})
    for _ in range(3 if frame["type"] in ("capture", "ask") else 1):
        post(channel, {**frame, "folder": "/"} if frame["type"] == "capture" else frame)


if "pytest" not in sys.modules:  # the test imports the job, too
    Channel.post = lie


@op
def lied_about():
    pass


@job
def lies_about_it():
    lied_about()
