"""An SQS server for producers: keeps what it took, and fails on request."""

from __future__ import annotations

import hashlib
import json
import re
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from typing_extensions import Self

# Returns True when it has answered the request, or cut it off, in SQS's place.
Fault = Callable[["_Request"], bool]


@dataclass(frozen=True)
class Message:
    """What a producer sent; message ids count from 1."""

    queue: str
    body: str
    group_id: str | None
    dedup_id: str | None
    message_id: str
    attributes: dict[str, Any]


@dataclass
class SqsDouble:
    """Removes duplicates on FIFO queues forever, because five minutes outlast every test."""

    queues: set[str] = field(default_factory=lambda: {"steps.fifo", "steps", "other.fifo"})
    messages: list[Message] = field(default_factory=list)
    requests: list[str] = field(default_factory=list)
    signed_by: list[str] = field(default_factory=list)
    """The access key of each request."""
    faults: list[Fault] = field(default_factory=list)
    """Each is used up by one request."""
    entry_faults: list[dict[str, Any] | None] = field(default_factory=list)
    """Each is used up by one entry of a batch: what is said of it in place of taking it."""
    batches: list[int] = field(default_factory=list)
    """How many entries each batch had."""
    batch_bytes: int = 1_048_576
    arrived: threading.Condition = field(default_factory=threading.Condition)

    def __enter__(self) -> Self:
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), _Request)
        self._server.daemon_threads = True
        self._server.double = self  # type: ignore[attr-defined]
        threading.Thread(target=self._server.serve_forever, args=(0.01,), daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._server.server_close()

    @property
    def endpoint(self) -> str:
        return f"http://127.0.0.1:{self._server.server_port}"

    def url(self, queue: str) -> str:
        return f"{self.endpoint}/123456789012/{queue}"

    def wait_for_messages(self, count: int, timeout_seconds: float = 180) -> list[Message]:
        """Return all messages once there are so many."""
        with self.arrived:
            enough = self.arrived.wait_for(lambda: len(self.messages) >= count, timeout_seconds)
        assert enough, f"expected {count} messages, got {len(self.messages)}"
        return self.messages

    def take(self, queue: str, fields: dict[str, Any]) -> Message:
        """Accept a message as SQS does: a duplicate is answered like its original."""
        group_id, dedup_id = fields.get("MessageGroupId"), fields.get("MessageDeduplicationId")
        with self.arrived:
            for known in self.messages:
                if dedup_id and (known.queue, known.dedup_id) == (queue, dedup_id):
                    return known
            number = str(len(self.messages) + 1)
            body, attributes = fields["MessageBody"], fields.get("MessageAttributes", {})
            message = Message(queue, body, group_id, dedup_id, number, attributes)
            self.messages.append(message)
            self.arrived.notify_all()
            return self.messages[-1]


def refuse(status: int, code: str, message: str = "on request") -> Fault:
    """Answer with an error, before any effect."""
    return lambda request: request.error(status, code, message)


def refuse_key(key: str, code: str) -> Fault:
    """Refuse what is signed with that key, and answer anything else."""

    def fault(request: _Request) -> bool:
        signed = f"Credential={key}/" in request.headers["Authorization"]
        return signed and request.error(403, code, "on request")

    return fault


def drop_connection(request: _Request) -> bool:
    """Say nothing."""
    request.close_connection = True
    return True


def answer_json(status: int, text: str) -> Fault:
    """Answer this text as if it was SQS's."""

    def fault(request: _Request) -> bool:
        request.answer(status, text.encode())
        return True

    return fault


def answer_html(request: _Request) -> bool:
    """Answer like a proxy whose backend is gone."""
    request.answer(502, b"<html>bad gateway</html>", "text/html")
    return True


def lose_answer(request: _Request) -> bool:
    """Take the message, then say nothing."""
    request.act()
    return drop_connection(request)


class Hold:
    """Stops a request, before or after its effect, until the test lets it go on."""

    def __init__(self, *, after_effect: bool) -> None:
        self._after_effect = after_effect
        self.holding = threading.Event()
        self.release = threading.Event()

    def __call__(self, request: _Request) -> bool:
        if self._after_effect:
            request.act()
        self.holding.set()
        assert self.release.wait(180)
        return drop_connection(request)


class _Request(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_POST(self) -> None:
        self.double: SqsDouble = self.server.double  # type: ignore[attr-defined]
        self.action = self.headers["X-Amz-Target"].rpartition(".")[2]
        self.fields = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        self.double.requests.append(self.action)
        key = re.search(r"Credential=([^/]*)/", self.headers.get("Authorization", ""))
        self.double.signed_by.append(key[1] if key else "")
        fault = self.double.faults.pop(0) if self.double.faults else None
        if fault is None or not fault(self):
            answer = self.act()
            if answer is not None:
                self.answer(200, json.dumps(answer).encode())

    def act(self) -> dict[str, Any] | None:
        name = self.fields.get("QueueName") or self.fields["QueueUrl"].rpartition("/")[2]
        if name not in self.double.queues:
            self.error(400, "QueueDoesNotExist", "The specified queue does not exist.")
            return None
        if self.action == "GetQueueUrl":
            return {"QueueUrl": self.double.url(name)}
        if self.action == "SendMessageBatch":
            return self.act_on_each(name, self.fields["Entries"])
        assert self.action == "SendMessage", self.action
        return self.send(name, self.fields)

    def act_on_each(self, name: str, entries: list[dict[str, Any]]) -> dict[str, Any] | None:
        if sum(len(entry["MessageBody"]) for entry in entries) > self.double.batch_bytes:
            self.error(400, "BatchRequestTooLong", "The batch is too long.")
            return None
        self.double.batches.append(len(entries))
        answer: dict[str, Any] = {"Successful": [], "Failed": []}
        for entry in entries:
            fault = self.double.entry_faults.pop(0) if self.double.entry_faults else None
            if fault is None:
                answer["Successful"].append({"Id": entry["Id"], **self.send(name, entry)})
            else:
                answer["Failed"].append({"Id": entry["Id"], **fault})
        return answer

    def send(self, name: str, fields: dict[str, Any]) -> dict[str, str]:
        message = self.double.take(name, fields)
        digest = hashlib.md5(fields["MessageBody"].encode()).hexdigest()
        return {"MessageId": message.message_id, "MD5OfMessageBody": digest}

    def error(self, status: int, code: str, message: str) -> bool:
        body = {"__type": f"com.amazonaws.sqs#{code}", "message": message}
        self.answer(status, json.dumps(body).encode())
        return True

    def answer(self, status: int, body: bytes, kind: str = "application/x-amz-json-1.0") -> None:
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        pass
