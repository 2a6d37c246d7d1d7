"""Jobs whose ops are named by what they do to their process."""

import atexit
import collections
import gc
import itertools
import logging
import os
import random
import signal
import socket
import stat
import subprocess
import sys
import threading
import time
from pathlib import Path

from dagster import (
    DagsterEvent,
    DagsterExecutionInterruptedError,
    Definitions,
    DynamicOut,
    DynamicOutput,
    Failure,
    MaterializeResult,
    Out,
    Output,
    RetryPolicy,
    asset,
    define_asset_job,
    job,
    op,
    resource,
    success_hook,
)
from dagster._core.execution.plan.handle import StepHandle
from dagster._core.execution.plan.objects import StepFailureData

from dagster_taskiq import taskiq_executor

FILE = {"file": str}
KEPT = []


def wait_until(condition):
    deadline = time.monotonic() + 60
    while not condition():
        if time.monotonic() > deadline:
            raise TimeoutError("the test never let this op go on")
        time.sleep(0.01)


def single(name, *, config=None, hooks=(), resources=None, **op_options):
    """Make a job of one op, both called `name`, out of a function of its context."""

    def decorate(body):
        step = op(name=name, config_schema=config or {}, **op_options)(body)

        @job(name=name, hooks=set(hooks), resource_defs=resources or {})
        def made():
            step()

        return made

    return decorate


@single("greet")
def greet(_context):
    return "hello"


@op(retry_policy=RetryPolicy(max_retries=1, delay=7))
def wobbles():
    raise ConnectionError("the station does not answer")


@job(executor_def=taskiq_executor)
def queued():
    op(name="greet")(lambda: "hello")()


@job(executor_def=taskiq_executor)
def queued_flaky():
    wobbles()


@single("collects_garbage")
def collects_garbage(_context):
    return {"collects": gc.isenabled(), "left_out": gc.get_freeze_count() > 100_000}


@single("fails")
def fails(_context):
    raise ValueError("no rain on 31 February")


@single("fails_at_length")
def fails_at_length(_context):
    raise ValueError("x" * 200_000)


@single("fails_by_failure")
def fails_by_failure(_context):
    raise Failure("the station is closed")


@single("exits")
def exits(_context):
    sys.exit(4)


@single("flaky", retry_policy=RetryPolicy(max_retries=1, delay=7))
def flaky(_context):
    raise ConnectionError("the station does not answer")


@resource
def broken_resource(_context):
    raise RuntimeError("no such database")


@single("lacks_resource", resources={"db": broken_resource}, required_resource_keys={"db"})
def lacks_resource(_context):
    raise AssertionError("must not run")


@single("noisy")
def noisy(context):
    print("printed")  # noqa: T201
    os.write(1, b'{"type":"outcome","id":"w1"}\n')
    sys.stderr.write("to stderr\n")
    logging.getLogger("noisy").warning("logged")
    context.log.info("told to dagster")
    subprocess.run(["echo", "from a subprocess"], check=True)
    os.system("echo from a shell >&2")


@single("prints_then_exits_hard")
def prints_then_exits_hard(_context):
    print("last words")  # noqa: T201
    os._exit(3)


@single("kills_itself")
def kills_itself(_context):
    os.kill(os.getpid(), signal.SIGKILL)


@single("closes_descriptors")
def closes_descriptors(_context):
    os.closerange(3, 256)


@single("takes_descriptors")
def takes_descriptors(context):
    os.closerange(3, 256)
    context.log.info("with sockets of its own under the numbers of others")
    KEPT.extend(socket.socketpair() for _ in range(60))


@single("scribbles")
def scribbles(_context):
    lines = (
        b'\xff\n{"type":7}\n{"type":"outcome"}\n{"type":"origin","origin":[]}\n{"type":"capture"}\n'
    )
    for descriptor in range(3, 64):
        try:
            if stat.S_ISSOCK(os.fstat(descriptor).st_mode):
                os.write(descriptor, lines + b"half a line\n")
        except OSError:
            continue


@single("reads_stdin")
def reads_stdin(_context):
    if sys.stdin.read() != "":
        raise AssertionError("stdin is not empty")


@single("waits_for_file", config=FILE)
def waits_for_file(context):
    wait_until(announce(context).exists)


def announce(context):
    path = Path(context.op_config["file"])
    path.with_suffix(".started").write_text(str(os.getpid()))
    return path


@single("waits_and_retries", config=FILE, retry_policy=RetryPolicy(max_retries=1))
def waits_and_retries(context):
    announce(context)
    wait_until(lambda: False)


@single("exits_hard_at_interrupt", config=FILE)
def exits_hard_at_interrupt(context):
    announce(context)
    try:
        wait_until(lambda: False)
    except DagsterExecutionInterruptedError:
        os._exit(5)


@op(config_schema=FILE)
def wait_here(context):
    announce(context)
    wait_until(lambda: False)


@job
def two_wait():
    wait_here.alias("a")()
    wait_here.alias("b")()


@single("leaves_processes", config=FILE)
def leaves_processes(context):
    command = ["sleep", "1000"]
    inside = subprocess.Popen(command)
    reached, tell = os.pipe()
    if os.fork() == 0:
        os.write(tell, b"%d" % os.getpid())
        signal.pause()
    forked = os.read(reached, 20).decode()
    path = Path(context.op_config["file"])
    path.with_suffix(".part").write_text(f"{inside.pid} {forked}")
    path.with_suffix(".part").rename(path)


@single("holds_processes", config=FILE)
def holds_processes(context):
    inside = subprocess.Popen(["sleep", "1000"])
    outside = subprocess.Popen(["sleep", "1000"], start_new_session=True)
    path = Path(context.op_config["file"])
    path.with_suffix(".part").write_text(f"{os.getpid()} {inside.pid} {outside.pid}")
    path.with_suffix(".part").rename(path)
    while True:
        signal.pause()


def start_family(path):
    """Start a child in the group, one out of the session, and a daemon: forked twice as well."""
    inside = subprocess.Popen(["sleep", "1000"])
    outside = subprocess.Popen(["sleep", "1000"], start_new_session=True)
    daemon = subprocess.run(
        ["sh", "-c", "setsid sleep 1000 >/dev/null 2>&1 & echo $!"], stdout=-1, check=True
    )
    path.with_suffix(".part").write_text(f"{inside.pid} {outside.pid} {int(daemon.stdout)}")
    path.with_suffix(".part").rename(path)


@single("leaves_a_family", config=FILE)
def leaves_a_family(context):
    start_family(Path(context.op_config["file"]))


@single("hangs_in_c", config=FILE)
def hangs_in_c(context):
    start_family(Path(context.op_config["file"]))
    # Holds the interpreter's lock and looks at no signal.
    collections.deque(itertools.repeat(None), maxlen=0)


@single("waits_with_policy", config=FILE, retry_policy=RetryPolicy(max_retries=1))
def waits_with_policy(context):
    wait_until(Path(context.op_config["file"]).exists)


@single("finishes_when_interrupted")
def finishes_when_interrupted(_context):
    try:
        wait_until(lambda: False)
    except DagsterExecutionInterruptedError:
        return "what there was by then"


@single("tells_dagster_alone", config=FILE)
def tells_dagster_alone(context):
    until = time.monotonic() + 3
    while time.monotonic() < until:
        context.instance.report_engine_event("still here", context.dagster_run)
        time.sleep(0.1)


@single("floods")
def floods(_context):
    line = b"x" * 65535 + b"\n"
    while True:
        os.write(1, line)
        time.sleep(0.001)


@single("bombs", config=FILE)
def bombs(context):
    # Bounded: at most 2^6, each in a session of its own.
    for _ in range(6):
        if os.fork() == 0:
            os.setsid()
    with Path(context.op_config["file"]).open("a") as pids:
        pids.write(f"{os.getpid()}\n")
    while True:
        signal.pause()


@single("takes_memory")
def takes_memory(_context):
    return len(bytearray(200 << 20))


@single("forks_and_both_return")
def forks_and_both_return(_context):
    os.fork()


@single("leaves_a_thread", config=FILE)
def leaves_a_thread(context):
    path = Path(context.op_config["file"])

    def write_late():
        # Joined only by an interpreter that ends in good order.
        threading.main_thread().join()
        path.write_text("written by a thread after the step")

    threading.Thread(target=write_late).start()


@single("registers_exit_hook", config=FILE)
def registers_exit_hook(context):
    atexit.register(Path(context.op_config["file"]).write_text, "written at exit")


@success_hook
def kill_in_hook(_context):
    os.kill(os.getpid(), signal.SIGKILL)


@single("dies_in_hook", hooks=[kill_in_hook])
def dies_in_hook(_context):
    return 1


@success_hook
def fail_in_hook(context):
    failure = DagsterEvent(
        event_type_value="STEP_FAILURE",
        job_name=context.job_name,
        step_handle=StepHandle.parse_from_key(context.step_key),
        event_specific_data=StepFailureData(error=None, user_failure_data=None),
    )
    context.instance.report_dagster_event(failure, context.run_id)


@single("tries_twice", hooks=[fail_in_hook])
def tries_twice(_context):
    return 1


@single("draws_numbers", config=FILE)
def draws_numbers(context):
    with Path(context.op_config["file"]).open("a") as numbers:
        numbers.write(f"{random.random()}\n")


@op
def one():
    return 1


@op
def two():
    return 2


@op
def total(numbers: list):
    if sorted(numbers) != [1, 2]:
        raise AssertionError(f"expected [1, 2], got {numbers}")
    return sum(numbers)


@job
def fan_in():
    total([one(), two()])


@op(out=DynamicOut())
def split():
    for key in ("a", "b"):
        yield DynamicOutput(key * 2, mapping_key=key)


@op
def shout(word):
    return word.upper()


@op
def gather(words: list):
    if sorted(words) != ["AA", "BB"]:
        raise AssertionError(f"expected ['AA', 'BB'], got {words}")


@job
def dynamic():
    gather(split().map(shout).collect())


@op(out=DynamicOut(is_required=False))
def maybe_split():
    yield from ()


@job
def maybe_dynamic():
    maybe_split().map(shout)


@op(out={"left": Out(is_required=False), "right": Out(is_required=False)})
def turn_left():
    yield Output(1, "left")


@op
def follow(way):
    return way


@job
def branch():
    left, right = turn_left()
    follow.alias("leftwards")(left)
    follow.alias("rightwards")(right)


@op(out=DynamicOut())
def split_nothing():
    yield from ()


@job
def empty_dynamic():
    gather(split_nothing().map(shout).collect())


@asset
def rain():
    return MaterializeResult(metadata={"millimetres": 12})


defs = Definitions(assets=[rain], jobs=[define_asset_job("rain_job", [rain])])
