"""A network between the recorder and PostgreSQL that breaks at a message of the test's choice."""

from __future__ import annotations

import contextlib
import socket
import struct
import threading
from collections.abc import Callable
from urllib.parse import urlsplit, urlunsplit

WAYS = ("cut before", "cut after", "lose answer")
"""What befalls a message: it does not arrive, its answer does not, or only the answer is late."""


class DatabaseProxy:
    """Counts the statements that clients send, over all connections."""

    def __init__(self, url: str) -> None:
        parts = urlsplit(url)
        self._server = (parts.hostname or "127.0.0.1", parts.port or 5432)
        self._listener = socket.create_server(("127.0.0.1", 0))
        userinfo = parts.netloc.rpartition("@")[0]
        host = f"{userinfo}@127.0.0.1:{self._listener.getsockname()[1]}"
        query = "&".join(filter(None, [parts.query, "sslmode=disable"]))
        self.url = urlunsplit(parts._replace(netloc=host, query=query))
        self._lock = threading.Lock()
        self._pairs: list[tuple[socket.socket, socket.socket]] = []
        self.statements: list[bytes] = []
        self.is_closed = False
        self._break_at = 0
        self._way = ""
        self._on_break: Callable[[], None] = lambda: None
        threading.Thread(target=self._accept, daemon=True).start()

    def break_at(self, number: int, way: str, then: Callable[[], None] = lambda: None) -> None:
        """Break at the `number`-th statement from now on, counted from 1. 0 means never."""
        with self._lock:
            self.statements.clear()
            self._break_at, self._way, self._on_break = number, way, then

    def cut(self) -> None:
        """Cut all connections."""
        with self._lock:
            pairs, self._pairs = self._pairs, []
        for pair in pairs:
            for end in pair:
                with contextlib.suppress(OSError):
                    end.shutdown(socket.SHUT_RDWR)

    def close(self) -> None:
        self.is_closed = True
        self._listener.close()
        self.cut()

    def _accept(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                client, _ = self._listener.accept()
                if self.is_closed:
                    client.close()
                    continue
                server = socket.create_connection(self._server)
                for end in (client, server):
                    end.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                with self._lock:
                    self._pairs.append((client, server))
                threading.Thread(target=self._serve, args=(client, server), daemon=True).start()

    def _serve(self, client: socket.socket, server: socket.socket) -> None:
        answers = threading.Thread(target=self._pass_answers, args=(client, server), daemon=True)
        answers.start()
        self._pass_questions(client, server)
        answers.join()
        with self._lock, contextlib.suppress(ValueError):
            self._pairs.remove((client, server))
        client.close()
        server.close()

    def _pass_questions(self, client: socket.socket, server: socket.socket) -> None:
        with contextlib.suppress(OSError, EOFError):
            length = _exactly(client, 4)
            server.sendall(length + _exactly(client, struct.unpack("!I", length)[0] - 4))
            while True:
                head = _exactly(client, 5)
                message = head + _exactly(client, struct.unpack("!I", head[1:])[0] - 4)
                self._pass(message, client, server)
        for end in (client, server):
            with contextlib.suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)

    def _pass(self, message: bytes, client: socket.socket, server: socket.socket) -> None:
        if message[:1] != b"Q":
            server.sendall(message)
            return
        with self._lock:
            self.statements.append(message[5:-1])
            breaks = len(self.statements) == self._break_at
        if not breaks:
            server.sendall(message)
            return
        if self._way == "cut after":
            client.shutdown(socket.SHUT_RDWR)
            server.sendall(message)
            # The server ends what it began: its answer has nowhere to go.
            with contextlib.suppress(OSError):
                server.shutdown(socket.SHUT_WR)
                while server.recv(65536):
                    pass
        elif self._way == "cut before":
            server.shutdown(socket.SHUT_RDWR)
            client.shutdown(socket.SHUT_RDWR)
        self._on_break()
        if self._way == "hold":
            server.sendall(message)

    def _pass_answers(self, client: socket.socket, server: socket.socket) -> None:
        with contextlib.suppress(OSError):
            while data := server.recv(65536):
                client.sendall(data)
        with contextlib.suppress(OSError):
            client.shutdown(socket.SHUT_RDWR)


def _exactly(source: socket.socket, count: int) -> bytes:
    data = bytearray()
    while len(data) < count:
        if not (part := source.recv(count - len(data))):
            raise EOFError
        data += part
    return bytes(data)
