"""Runs what may never come back, for so long and no longer."""

from __future__ import annotations

import contextvars
import threading
from collections.abc import Callable
from concurrent.futures import Future
from queue import Empty, SimpleQueue
from typing import TypeVar

T = TypeVar("T")


class NoAnswerError(Exception):
    """Nothing came back in time."""


def within(seconds: float, work: Callable[[], T]) -> T:
    """Return the result of `work`, or raise its error. Raises NoAnswerError after so many seconds.

    boto3 has no time limit on finding credentials, and psycopg2 has none on a query. `work` runs in
    a thread, which is left alone when it is late. It does not keep the process alive.
    """
    ends: SimpleQueue[Future[T]] = SimpleQueue()

    def run() -> None:
        end: Future[T] = Future()
        try:
            end.set_result(work())
        except BaseException as error:  # noqa: BLE001 - it is raised where it is waited for
            end.set_exception(error)
        ends.put(end)

    context = contextvars.copy_context()
    threading.Thread(target=context.run, args=(run,), daemon=True, name="taskiq-within").start()
    try:
        end = ends.get(timeout=seconds)
    except Empty:
        raise NoAnswerError(f"no answer within {seconds:g} s") from None
    return end.result()
