"""Has what arrives at the SQS double run by a real step host, as the worker would."""

from __future__ import annotations

import json
import select
import socket
import threading
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

from worker_double import WorkerDouble

from sqs_double import SqsDouble

if TYPE_CHECKING:
    from pathlib import Path

    from typing_extensions import Self

Envelope = Mapping[str, Any]
Reading = Callable[[Envelope], Envelope]

# A host that ends a step otherwise would leave the run waiting for ever.
_ENDS = {"success", "failure", "up_for_retry", "resource_init_failure"}


def as_sent(envelope: Envelope) -> Envelope:
    return envelope


def as_bare(envelope: Envelope) -> Envelope:
    """Leave what an `OpExecutionTask` says, as the worker's decoder fills it up."""
    return {
        **envelope,
        "known_state": None,
        "retry_mode": "deferred",
        "on_fault": None,
        "enqueued_at": None,
        "tags": {},
    }


class HostWorker:
    """Takes each message once; as many steps at a time as it has slots."""

    def __init__(
        self,
        sqs: SqsDouble,
        home: Path,
        flags: tuple[str, ...],
        env: Mapping[str, str],
        slots: int = 3,
    ) -> None:
        self._sqs = sqs
        self._slots = slots
        self._host = WorkerDouble(home, *flags, env=env)
        self._taken = 0
        self._running: set[str] = set()
        self._stop, self._stopped = socket.socketpair()
        self.read: Reading = as_sent
        """What becomes of each message before it is run."""
        self.surprises: list[Any] = []
        """Outcomes that end no attempt: the run that waits for it would never end."""

    def __enter__(self) -> Self:
        self._host.await_frame("ready")
        self._thread = threading.Thread(target=self._work, daemon=True)
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.close()
        self._thread.join()
        self._host.close()

    def _work(self) -> None:
        while True:
            # Short, because messages arrive by another way than frames.
            readable, _, _ = select.select([self._host, self._stopped], [], [], 0.02)
            if self._stopped in readable:
                return
            if self._host in readable:
                for frame in self._host.read():
                    self._hear(frame)
            while len(self._running) < self._slots and self._taken < len(self._sqs.messages):
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
        envelope = self.read(json.loads(body))
        self._running.add(self._host.start("run", envelope=envelope, delivery=delivery))

    def _hear(self, frame: Mapping[str, Any]) -> None:
        identifier = frame["id"]
        if frame["type"] == "ask":
            permit = {"granted": True, "within_ms": 60_000}
            self._host.send({"type": "permit", "id": identifier, **permit})
        elif frame["type"] == "outcome" and frame["outcome"]["kind"] not in _ENDS:
            self.surprises.append(frame["outcome"])
        elif frame["type"] == "exited":
            self._running.discard(identifier)
