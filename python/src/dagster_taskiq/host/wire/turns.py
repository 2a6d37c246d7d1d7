"""Frames between a supervisor and a process that runs several steps, one after the other."""

IDLE = "idle"
"""From the process: its step is over and has left nothing behind. It waits for an answer.

`files` are those of its project that it has imported itself, each with its state.
"""
LEFT = "left"
"""From the process: it ends after this step, because of what the step has left behind (`left`)."""
NEXT = "next"
"""To the process: the next `order`, its `admission`, and the socket to the recorder."""
LEAVE = "leave"
"""To the process: there is no next step for it."""
