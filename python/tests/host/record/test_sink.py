"""What a step's process sends to the recorder comes whole and in order, whatever the step does."""

from __future__ import annotations

import json
import random
import signal
import socket
from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING

import pytest

from dagster_taskiq.host.child.interrupts import interrupts_deferred
from dagster_taskiq.host.wire.channel import Channel
from dagster_taskiq.host.wire.frames import LONGEST_LINE_OF_STEP, Broken
from polling import poll_until

if TYPE_CHECKING:
    from forked_hosts import ForkedHosts

STEP = """
import json, os, random, signal, socket, sys, threading, time, traceback
from dagster import DagsterInstance, DagsterEvent, DagsterEventType, EventLogEntry
from dagster._core.execution.plan.objects import StepSuccessData
from dagster_taskiq.host.record.sink import Sink
from dagster_taskiq.host.wire.channel import Channel
from dagster_taskiq.host.wire.orders import StepId

channel = Channel(socket.socket(fileno=int(sys.argv[1])))
instance = DagsterInstance.ephemeral()
sink = Sink(instance, StepId("r", "s", 0), channel, None)

def entry(text, step="s", kind=None):
    event = None
    if kind is not None:
        event = DagsterEvent(kind, "job", step_key=step, event_specific_data=StepSuccessData(1.0))
    return EventLogEntry(
        error_info=None, level=20, user_message=text, run_id="r", timestamp=1.0, step_key=step,
        job_name="job", dagster_event=event,
    )

def log(text, step="s"):
    instance.handle_new_event(entry(text, step))

def end(kind="STEP_SUCCESS"):
    instance.handle_new_event(entry("", kind=kind))

"""


class Recorder:
    """The other end of a step's socket. It answers what it reads."""

    def __init__(self, hosts: ForkedHosts, script: str, *arguments: str) -> None:
        ours, theirs = socket.socketpair()
        self.process = hosts.run_script(STEP + script, theirs, arguments)
        theirs.close()
        self.channel = Channel(ours, longest=LONGEST_LINE_OF_STEP)
        self.frames: list = []
        self.texts: list[str] = []

    def serve(self, answer: str | None = "flushed", end: str = "ended") -> None:
        """Read, and answer, until the process has closed the socket."""
        events = 0
        while True:
            try:
                frames = self.channel.receive()
            except EOFError:
                break
            for frame in frames:
                assert not isinstance(frame, Broken), frame
                self.frames.append(frame["type"])
                if frame["type"] == "event":
                    events += 1
                    self.texts.append(json.loads(frame["event"])["user_message"])
                else:
                    assert frame["sent"] == events
                    reply = answer if frame["type"] == "flush" else end
                    if reply is not None:
                        self.channel.send({"type": reply})
        assert self.process.wait(60) is not None


@pytest.fixture
def run_step(forked_hosts: ForkedHosts) -> Callable[..., Recorder]:
    """Return a function that runs a script in a process that has imported Dagster."""
    return partial(Recorder, forked_hosts)


def test_events_of_the_step_are_sent_and_its_end_is_awaited(run_step):
    recorder = run_step("log('one'); log('two'); end(); print(sink.ended)\nlog('hook')\n")
    recorder.serve()
    assert recorder.frames == ["event", "event", "end", "event"]
    assert recorder.texts == ["one", "two", "hook"]
    assert recorder.process.returncode == 0


def test_a_refused_end_ends_the_process_at_once(run_step):
    recorder = run_step("log('one')\ntry:\n  end()\nexcept BaseException:\n  log('went on')\n")
    recorder.serve(end="refused")
    assert recorder.frames == ["event", "end"]
    assert recorder.process.returncode == 75


def test_a_failure_of_the_storage_ends_the_process_at_its_next_event(run_step, tmp_path):
    recorder = run_step(
        "log('one')\nopen(sys.argv[2], 'x')\nsys.stdin.readline()\nlog('two')\nlog('three')\n",
        str(tmp_path / "past_one"),
    )
    while not recorder.channel.receive():
        pass
    # Right after it sent `one`, the process looks for a failure as well.
    poll_until((tmp_path / "past_one").exists)
    recorder.channel.send({"type": "failed", "error": None})
    assert recorder.process.stdin is not None
    recorder.process.stdin.close()
    recorder.serve()
    assert recorder.texts == ["two"]
    assert recorder.process.returncode == 75


def test_the_process_ends_when_the_recorder_is_gone(run_step, tmp_path):
    recorder = run_step(
        "log('one')\ntry:\n  end()\nfinally:\n  open(sys.argv[2], 'w')\n", str(tmp_path / "on")
    )
    while not recorder.channel.receive():
        pass
    recorder.channel.close()
    assert recorder.process.wait(60) == 75
    assert not (tmp_path / "on").exists()


def test_events_of_other_steps_are_stored_by_the_process_itself(run_step):
    recorder = run_step(
        "log('mine'); log('not mine', step='other')\n"
        "stored = [e.user_message for e in instance.all_logs('r')]\n"
        "log(','.join(stored)); end()\n"
    )
    recorder.serve()
    assert recorder.texts == ["mine", "not mine"]


def test_what_was_sent_stands_before_the_process_connects(run_step):
    recorder = run_step(
        "import sqlalchemy\nengine = sqlalchemy.create_engine('sqlite://')\n"
        "log('one')\nfor _ in range(3):\n  engine.connect().close()\n"
        "log('two'); engine.connect().close(); engine.connect().close(); end()\n"
    )
    recorder.serve()
    assert recorder.frames == ["event", "flush", "event", "flush", "end"]


def test_a_fork_of_the_step_sends_nothing(run_step):
    recorder = run_step(
        "log('one')\npid = os.fork()\nlog('child' if pid == 0 else 'parent')\n"
        "if pid == 0:\n  end()\nos.waitpid(pid, 0)\nend()\n"
    )
    recorder.serve()
    assert recorder.texts == ["one", "parent"]
    assert recorder.frames.count("end") == 1


def test_a_finalizer_that_logs_while_another_event_is_sent_waits_for_nothing(run_step):
    recorder = run_step(
        "class Late:\n  def __del__(self):\n    log('finalized')\n"
        "send = channel.send_line\n"
        "def dropping(line):\n"
        "  global late\n  late = None\n  send(line)\n"
        "late = Late()\nchannel.send_line = dropping\nlog('one')\nend()\n"
    )
    recorder.serve()
    assert sorted(recorder.texts) == ["finalized", "one"]
    assert recorder.process.returncode == 0


STORM = """
seed, size = int(sys.argv[2]), int(sys.argv[3])
chance = random.Random(seed)
# Only where user code would be: this script's own waiting is not what is tested.
armed = False
interrupts = 0

class Interrupt(Exception):
    pass

def interrupt(number, _frame):
    global interrupts
    if armed:
        interrupts += 1
        raise Interrupt(number)

numbers = (signal.SIGINT, signal.SIGTERM, signal.SIGALRM, signal.SIGUSR1)
for number in numbers:
    signal.signal(number, interrupt)
import sqlalchemy
engine = sqlalchemy.create_engine("sqlite://")
killer = os.fork()
if killer == 0:
    own = random.Random(seed + 1)
    while os.getppid() != 1:
        os.kill(os.getppid(), own.choice(numbers))
        time.sleep(own.random() / 500)
    os._exit(0)

def chatter(name):
    for number in range(50):
        log(f"{name}-{number}-" + "x" * 1000)

threads = [threading.Thread(target=chatter, args=(name,)) for name in "ab"]
for thread in threads:
    thread.start()
number = 0
while number < 60:
    text = f"main-{number}-" + "y" * chance.randrange(size)
    number += 1
    try:
        armed = True
        log(text)
        if number % 10 == 0:
            engine.connect().close()
        armed = False
    except Interrupt:
        armed = False
    if number % 20 == 0 and os.fork() == 0:
        os._exit(0)
os.kill(killer, signal.SIGKILL)
for thread in threads:
    thread.join()
import asyncio
async def talk():
    for number in range(20):
        log(f"async-{number}-")
        await asyncio.sleep(0)
asyncio.run(talk())
end()
assert interrupts
"""


@pytest.mark.parametrize("size", [1_000, 400_000])
def test_interrupts_threads_and_forks_cut_no_frame_in_two(run_step, size):
    seed = random.randrange(1 << 30)
    recorder = run_step(STORM, str(seed), str(size))
    recorder.serve()
    assert recorder.process.returncode == 0, f"seed {seed}"
    # An interrupt may come before a text is sent: then it is missing, and no other.
    assert len(recorder.texts) == len(set(recorder.texts))
    heads = [text.split("-")[:2] for text in recorder.texts]
    for name in ("main", "a", "b", "async"):
        numbers = [int(number) for head, number in heads if head == name]
        assert numbers == sorted(numbers), f"seed {seed}"
    assert sum(head in ("a", "b") for head, _ in heads) == 100, f"seed {seed}"


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGUSR1])
def test_no_handler_in_python_is_called_before_the_end(number):
    seen = []
    before = signal.signal(number, lambda *_: seen.append("handled"))
    try:
        with interrupts_deferred():
            signal.raise_signal(number)
            seen.append("the end")
        assert seen == ["the end", "handled"]
        assert signal.getsignal(number) is not before
    finally:
        signal.signal(number, before)


def test_handlers_are_put_back_though_one_of_them_raises():
    def stop(*_):
        raise TimeoutError

    before = {number: signal.signal(number, stop) for number in (signal.SIGUSR1, signal.SIGUSR2)}

    def be_interrupted():
        with interrupts_deferred():
            for number in before:
                signal.raise_signal(number)

    try:
        with pytest.raises(TimeoutError):
            be_interrupted()
        assert {signal.getsignal(number) for number in before} == {stop}
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
