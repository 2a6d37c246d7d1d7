"""Handles frames from step processes: keeps, answers, or passes them on.

User code can write to this channel, so no field is trusted.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from dagster_taskiq.host.supervise.captured_files import path_below
from dagster_taskiq.host.system.boot_time import boot_time
from dagster_taskiq.host.wire.errors import warn
from dagster_taskiq.host.wire.frames import Broken, Frame
from dagster_taskiq.host.wire.steering import Permit
from dagster_taskiq.host.wire.turns import IDLE, LEFT

if TYPE_CHECKING:
    from dagster_taskiq.host.supervise.guard import Guard
    from dagster_taskiq.host.wire.channel import Channel
    from dagster_taskiq.host.wire.outcomes import Outcome


_STREAMS = ("stdout", "stderr")


class Inbox:
    """The inbox of a host for all of its step processes."""

    def __init__(
        self,
        upstream: Channel,
        folder: str | None,
        on_imports: Callable[[object], None] = lambda _: None,
        on_turn: Callable[[Guard, Frame], None] = lambda _, __: None,
    ) -> None:
        self._upstream = upstream
        self._on_imports = on_imports
        """Called with the modules that a step says it has imported."""
        self._on_turn = on_turn
        """Called when a process says whether it can run another step."""
        self._folder = folder
        """Where the output of steps is captured."""

    def catch_up(self, guard: Guard) -> None:
        """Take in what has arrived."""
        for frame in guard.process.channel.drain():
            self.take_in(guard, frame)

    def take_in(self, guard: Guard, frame: Frame | Broken) -> None:
        """Take in one frame. Raises OSError when the worker is gone."""
        if guard.rest is not None:
            guard.spoil()
        elif isinstance(frame, Broken):
            self._warn_once(guard, f"not a frame: {frame.line}")
        elif frame["type"] == "outcome" and isinstance(frame.get("outcome"), dict):
            self._note_outcome(guard, frame["outcome"])
        elif frame["type"] == "event":
            guard.note_event(boot_time())
        elif frame["type"] == "ask" and guard.process.recorder is None:
            self.ask(guard, frame.get("event"))
        elif frame["type"] == "capture":
            self._capture(guard, frame)
        elif frame["type"] == "imports":
            self._on_imports(frame.get("modules"))
        elif frame["type"] in (IDLE, LEFT):
            self._on_turn(guard, frame)

    def send_outcome(self, guard: Guard) -> None:
        """Pass on the last outcome, once the process has ended. Raises OSError as above."""
        outcome = guard.outcome
        if outcome is None:
            return
        process = guard.process
        try:
            self._upstream.post({"type": "outcome", "id": process.id, "outcome": outcome})
        except (ValueError, RecursionError) as error:  # JSON reads more than it can write
            warn(f"the outcome of process {process.pid} cannot be passed on: {error!r}")

    def _capture(self, guard: Guard, frame: Frame) -> None:
        """Follow the files that the first such frame names; a step captures its output once."""
        process = guard.process
        if process.captured:
            return
        paths = self._files_in(frame)
        if paths is None:
            where = self._folder or "a folder that the host knows"
            self._warn_once(
                guard,
                f"its output is not in the worker's log: it does not go below {where}",
            )
            return
        process.capture_into(paths)
        guard.follow(paths.values(), boot_time())
        job = frame.get("job")
        source = {"folder": self._folder, "job": job if isinstance(job, str) else None}
        self._upstream.post({"type": "capture", "id": process.id, **paths, **source})

    def checked(self, frame: Frame) -> Frame | None:
        """Return the part of a location host's frame that may be passed on."""
        if frame["type"] != "capture":
            return frame
        paths = self._files_in(frame)
        return None if paths is None else {**frame, **paths, "folder": self._folder}

    def _files_in(self, frame: Frame) -> dict[str, str] | None:
        """Return the files that a `capture` names, if both may be followed."""
        captured = {name: path_below(self._folder, frame.get(name)) for name in _STREAMS}
        paths = {name: path for name, path in captured.items() if path is not None}
        return paths if len(paths) == len(_STREAMS) else None

    def _note_outcome(self, guard: Guard, outcome: Outcome) -> None:
        """Keep the outcome. The process of a recorded step may only send faults.

        Only the recorder settles claims.
        """
        process = guard.process
        outcome = {name: value for name, value in outcome.items() if name != "settled"}
        if process.recorder is None or (outcome.get("kind") == "fault" and process.outcome is None):
            guard.note_outcome(outcome, boot_time())

    def ask(self, guard: Guard, event: object) -> None:
        """Pass on the first question. A process that asks again is refused once, then ignored."""
        process = guard.process
        asked = process.ask()
        if asked == 1 and guard.asks(event):
            self._pass_on_question(guard)
        elif asked <= 2 and not process.asking:
            process.answer(Permit(process.id, None))

    def _pass_on_question(self, guard: Guard) -> None:
        process = guard.process
        if guard.settles:
            # The claim decides, in the database. A recorder that saw none would find the time over.
            guard.answered(boot_time())
            process.answer(Permit(process.id, 0))
        else:
            self._upstream.post({"type": "ask", "id": process.id})

    def _warn_once(self, guard: Guard, text: str) -> None:
        """Log what is wrong with the first wrong frame of a process."""
        process = guard.process
        if process.doubt():
            warn(f"process {process.pid} of {process.name}: {text} (logged once for each process)")
