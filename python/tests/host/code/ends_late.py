"""Jobs that go on after their terminal event: hooks, the teardown of resources, threads."""

import threading
from contextlib import contextmanager
from pathlib import Path

from dagster import ConfigurableResource, failure_hook, job, op, success_hook
from host_jobs import FILE, wait_until

KEPT = []


def linger(path):
    """Wait for the file, and say how the wait ended."""
    path.with_suffix(".late").touch()
    try:
        wait_until(path.exists)
    except BaseException as error:
        path.with_suffix(".ended").write_text(type(error).__name__)
        raise
    path.with_suffix(".ended").write_text("by itself")


class Cluster(ConfigurableResource):
    @contextmanager
    def yield_for_execution(self, _context):
        yield self
        linger(Path(KEPT[0]))


@success_hook
def cheers(context):
    linger(Path(context.op_config["file"]))


@failure_hook
def mourns(context):
    linger(Path(context.op_config["file"]))


@op(config_schema=FILE)
def succeeds(_context):
    return 1


@op(config_schema=FILE)
def fails(_context):
    raise ValueError("no rain")


@op(config_schema=FILE)
def uses(context, cluster: Cluster):
    KEPT.append(context.op_config["file"])
    return cluster is not None


@op
def never_ends():
    threading.Thread(target=threading.Event().wait, name="forgotten").start()


@job(hooks={cheers})
def hook_after_success():
    succeeds()


@job(hooks={mourns})
def hook_after_failure():
    fails()


@job(resource_defs={"cluster": Cluster()})
def teardown():
    uses()


@job
def leaves_a_thread_for_ever():
    never_ends()
