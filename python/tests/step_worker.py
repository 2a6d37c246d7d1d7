"""A worker of a few lines: has what arrives at the SQS double run as the messages say."""

from __future__ import annotations

import json
import subprocess
import sys
import threading
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from dagster_taskiq.envelope import Envelope
from sqs_double import SqsDouble

if TYPE_CHECKING:
    from typing_extensions import Self


class StepProcess:
    """The process that runs the steps, one after the other."""

    def __init__(self) -> None:
        program = Path(__file__).with_name("run_steps.py")
        self._process = subprocess.Popen(
            [sys.executable, str(program)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
        )

    def run(self, home: Path, body: str) -> str | None:
        """Return the name of what Dagster raised, if anything."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(json.dumps({"home": str(home), "body": body}) + "\n")
        self._process.stdin.flush()
        answer: dict[str, str | None] = json.loads(self._process.stdout.readline())
        return answer["raised"]

    def close(self) -> None:
        self._process.kill()
        self._process.communicate()


@dataclass
class StepWorker:
    """Takes each message once, in order."""

    sqs: SqsDouble
    home: Path
    process: StepProcess
    envelopes: list[Envelope] = field(default_factory=list)
    raised: list[str] = field(default_factory=list)
    """What Dagster raised after it had recorded it: resource failures."""

    def __enter__(self) -> Self:
        self._stopping = False
        self._thread = threading.Thread(target=self._work)
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        with self.sqs.arrived:
            self._stopping = True
            self.sqs.arrived.notify_all()
        self._thread.join()

    def of(self, step_key: str) -> list[Envelope]:
        return [envelope for envelope in self.envelopes if envelope.step_key == step_key]

    def _work(self) -> None:
        while (body := self._next_body()) is not None:
            self.envelopes.append(Envelope.from_dict(json.loads(body)))
            raised = self.process.run(self.home, body)
            if raised is not None:
                self.raised.append(raised)

    def _next_body(self) -> str | None:
        seen = len(self.envelopes)
        with self.sqs.arrived:
            self.sqs.arrived.wait_for(lambda: self._stopping or len(self.sqs.messages) > seen)
            return None if self._stopping else self.sqs.messages[seen].body
