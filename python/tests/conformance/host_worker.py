"""Has what arrives at the SQS double run by a real step host, as the worker would."""

from __future__ import annotations

import json
import select
import socket
import subprocess
import threading
from collections.abc import Mapping
from contextlib import suppress
from typing import TYPE_CHECKING, Any

from worker_double import DEADLINE, WorkerDouble

from sqs_double import SqsDouble

if TYPE_CHECKING:
    from pathlib import Path

    from typing_extensions import Self

# Otherwise the run waits forever for a step that ends in another way.
_ENDS = {"success", "failure", "up_for_retry", "resource_init_failure"}


class HostWorker:
    """Takes each message once, and runs as many steps at a time as it has slots.

    It fails with its host, and on a step that ends no attempt. It is readable then, as a selector
    sees it, and `failure` gives the reason. A test that waits for a run must look at it, because no
    step of the run ends any more.
    """

    def __init__(
        self,
        sqs: SqsDouble,
        home: Path,
        flags: tuple[str, ...],
        env: Mapping[str, str],
        slots: int = 3,
        program: str = "dagster_taskiq.host",
    ) -> None:
        self._sqs = sqs
        self._slots = slots
        self._host = WorkerDouble(home, *flags, env=env, program=program)
        self._taken = 0
        self._outcomes: dict[str, Any] = {}
        self._stop, self._stopped = socket.socketpair()
        self._fail, self._failed = socket.socketpair()
        self.failure = ""

    def __enter__(self) -> Self:
        self._host.await_frame("ready")
        self._thread = threading.Thread(target=self._work, daemon=True)
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.close()
        self._thread.join()
        self._host.close()

    def fileno(self) -> int:
        """Readable once it has failed."""
        return self._failed.fileno()

    def _work(self) -> None:
        try:
            self._work_until_stopped()
        except Exception as error:  # noqa: BLE001 - a thread's would be seen by nobody
            if isinstance(error, (EOFError, OSError)):
                # It may still have to say why it goes.
                with suppress(subprocess.TimeoutExpired):
                    self._host.process.wait(DEADLINE)
            failure, words = f"{type(error).__name__}: {error}", self._host.log()
            self.failure = failure if words in failure else f"{failure}; the host's words: {words}"
            self._fail.close()

    def _work_until_stopped(self) -> None:
        while True:
            # Short, because messages arrive by another way than frames.
            readable, _, _ = select.select([self._host, self._stopped], [], [], 0.02)
            if self._stopped in readable:
                return
            if self._host in readable:
                for frame in self._host.read():
                    self._take_in(frame)
            while len(self._outcomes) < self._slots and self._taken < len(self._sqs.messages):
                self._start(self._sqs.messages[self._taken].body)

    def _start(self, body: str) -> None:
        self._taken += 1
        delivery = {
            "worker": "worker-1",
            "message_id": str(self._taken),
            "receive_count": 1,
            "starts": 1,
            "taken_over_from": None,
        }
        envelope = json.loads(body)
        self._outcomes[self._host.start("run", envelope=envelope, delivery=delivery)] = None

    def _take_in(self, frame: Mapping[str, Any]) -> None:
        identifier = frame.get("id")
        if identifier is None:  # of the host itself, not of a step
            return
        if frame["type"] == "ask":
            permit = {"granted": True, "within_ms": 60_000}
            self._host.send({"type": "permit", "id": identifier, **permit})
        elif frame["type"] == "outcome":
            self._outcomes[identifier] = frame["outcome"]
        elif frame["type"] == "exited":
            outcome = self._outcomes.pop(identifier)
            if outcome is None or outcome["kind"] not in _ENDS:
                raise RuntimeError(f"{frame} after the outcome {outcome}")
