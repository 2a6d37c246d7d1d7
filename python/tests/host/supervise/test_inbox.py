"""What step processes say is user code's word: nothing of it may end the host, or say too much."""

from __future__ import annotations

import json
import os
import random
import socket
from typing import TYPE_CHECKING, Any

import pytest
from dagster import DagsterInstance

from dagster_taskiq.host.child.stacks import write_heading
from dagster_taskiq.host.supervise.captured_files import compute_log_folder, size_of
from dagster_taskiq.host.supervise.fork import Forked
from dagster_taskiq.host.supervise.guard import Guard
from dagster_taskiq.host.supervise.inbox import Inbox
from dagster_taskiq.host.system.boot_time import boot_time
from dagster_taskiq.host.wire.channel import Channel
from dagster_taskiq.host.wire.errors import warn
from dagster_taskiq.host.wire.frames import Broken, Frame, decode
from dagster_taskiq.host.wire.limits import Limits

if TYPE_CHECKING:
    from pathlib import Path

TYPES = ["outcome", "event", "ask", "capture", "ready", "started", "permit", "", "\ud800"]
FIELDS = ["outcome", "event", "stdout", "stderr", "id", "kind", "result"]


def nested(depth: int) -> str:
    return "[" * depth + "]" * depth


ODD = [
    *[
        "null",
        "true",
        "0",
        "-1",
        "1e400",
        "-1e400",
        "0.5",
        '""',
        '"\\u0000"',
        '"\\ud800"',
        '"/dev/null"',
    ],
    *["[]", "{}", '{"kind":"success"}', '{"kind":1e400}', nested(100), nested(900)],
    *[f'{{"kind":{nested(depth)}}}' for depth in (100, 900, 980, 990)],
    '"' + "x" * 100_000 + '"',
]


def hostile(dice: random.Random) -> bytes:
    fields = {json.dumps(name): dice.choice(ODD) for name in dice.sample(FIELDS, dice.randrange(5))}
    fields['"type"'] = json.dumps(dice.choice(TYPES))
    return ("{" + ",".join(f"{name}:{value}" for name, value in fields.items()) + "}").encode()


class Scene:
    """A host's ears, with the worker and one step process at the other ends."""

    def __init__(self, folder: str | None = "/tmp") -> None:
        self._worker, ours = socket.socketpair()
        self._step, step = socket.socketpair()
        self.inbox = Inbox(Channel(ours), folder)
        self.guard = Guard(Forked("w1", os.getpid(), Channel(step)), Limits(), boot_time())

    def answers(self) -> bytes:
        """Return what the process is answered."""
        return self._step.recv(1 << 16)

    def frames_from(self, line: bytes) -> list[Frame]:
        """Return the frames that the worker gets."""
        self.inbox.take_in(self.guard, decode(line))
        self.inbox.send_outcome(self.guard)
        self._step.setblocking(False)
        self._worker.setblocking(False)
        try:
            received = self._worker.recv(1 << 24)
        except BlockingIOError:
            return []
        frames = [decode(line) for line in received.splitlines()]
        assert not any(isinstance(frame, Broken) for frame in frames)
        return [frame for frame in frames if not isinstance(frame, Broken)]


def test_the_host_goes_on_whatever_a_process_sends():
    dice = random.Random(20_261_127)
    for _ in range(3_000):
        scene = Scene()
        for frame in scene.frames_from(hostile(dice)):
            assert frame["id"] == "w1"
            assert frame["type"] in {"outcome", "ask", "capture"}


def test_a_process_cannot_say_that_its_claim_is_settled():
    said = b'{"type":"outcome","outcome":{"kind":"success","settled":true}}'
    assert [frame["outcome"] for frame in Scene().frames_from(said)] == [{"kind": "success"}]


@pytest.mark.parametrize("outcome", ['{"kind":1e400}', f'{{"kind":{nested(990)}}}'])
def test_an_outcome_that_cannot_be_forwarded_is_dropped(
    outcome: str, capfd: pytest.CaptureFixture[str]
):
    assert Scene().frames_from(f'{{"type":"outcome","outcome":{outcome}}}'.encode()) == []
    assert "w1" not in capfd.readouterr().out


@pytest.mark.parametrize("path", ["", "\0", "/dev/null\0", "\ud800", "/dev/null", "x" * 100_000])
def test_a_heading_is_written_only_to_regular_files(path: str):
    write_heading(path, "taskiq: the step is ended\n")


@pytest.mark.parametrize(
    "path",
    [
        ["a"],
        None,
        "",
        "\0",
        "\ud800",
        "x" * 100_000,
        "/etc/passwd",
        "{folder}",
        "{folder}/../elsewhere",
        "{folder}/link",
        "{folder}/linked/passwd",
    ],
)
def test_output_is_followed_only_below_the_compute_logs(path: Any, tmp_path: Path):
    folder = tmp_path / "storage"
    folder.mkdir()
    (folder / "link").symlink_to("/etc/passwd")
    (folder / "linked").symlink_to("/etc")
    named = path.format(folder=folder) if isinstance(path, str) else path
    scene = Scene(str(folder))
    fine = str(folder / "step.out")
    assert scene.frames_from(capture(fine, named)) == []
    assert scene.guard.process.captured == {}
    files = {"stdout": fine, "stderr": fine, "folder": str(folder)}
    frame = {"type": "capture", "id": "w1", **files, "job": None}
    assert scene.frames_from(capture(fine, fine)) == [frame]
    assert scene.frames_from(capture(fine, fine)) == []


def capture(stdout: Any, stderr: Any) -> bytes:
    own = {"folder": "/etc", "id": "w2"}
    return json.dumps({"type": "capture", "stdout": stdout, "stderr": stderr, **own}).encode()


def test_output_is_not_followed_where_its_folder_is_not_known(tmp_path: Path):
    assert Scene(None).frames_from(capture(str(tmp_path), str(tmp_path))) == []
    with DagsterInstance.local_temp(str(tmp_path)) as instance:
        assert compute_log_folder(instance) == str(tmp_path / "storage")


@pytest.mark.parametrize(
    ("config", "folder"),
    [
        ({"base_dir": "/var/log/steps"}, "/var/log/steps"),
        ({"base_dir": {"env": "STEP_LOGS"}}, "/var/log/named"),
    ],
)
def test_the_folder_of_output_is_the_configured_one(
    config: Any, folder: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setenv("STEP_LOGS", "/var/log/named")
    manager = {
        "module": "dagster._core.storage.local_compute_log_manager",
        "class": "LocalComputeLogManager",
        "config": config,
    }
    overrides = {"compute_logs": manager}
    with DagsterInstance.local_temp(str(tmp_path), overrides=overrides) as instance:
        assert compute_log_folder(instance) == folder


def test_a_second_question_for_a_permit_is_refused_once():
    scene = Scene()
    assert [frame["type"] for frame in scene.frames_from(b'{"type":"ask"}')] == ["ask"]
    scene.guard.answered(boot_time())
    for _ in range(3):
        assert scene.frames_from(b'{"type":"ask"}') == []
    refused = b'{"type":"permit","id":"w1","granted":false,"within_ms":null}\n'
    assert scene.answers() == refused


def test_only_regular_files_have_a_size(tmp_path: Path):
    os.mkfifo(tmp_path / "fifo")
    (tmp_path / "file").write_text("four")
    (tmp_path / "link").symlink_to(tmp_path / "file")
    sizes = {name: size_of(str(tmp_path / name)) for name in ("fifo", "file", "link", "none")}
    assert sizes == {"fifo": 0, "file": 4, "link": 0, "none": 0}
    assert [size_of(path) for path in ("/dev/zero", "\0", "\ud800")] == [0, 0, 0]


@pytest.mark.parametrize("text", ["\x1b[2J", "\r", "a\nb", "\x85", "\u202e", "\u2028", "\ud800"])
def test_no_character_of_a_warning_steers_a_terminal(text: str, capfd: pytest.CaptureFixture[str]):
    warn(f"of {text}{'x' * 1_000_000}")
    said = capfd.readouterr().err
    assert said.endswith("…\n")
    assert said.removesuffix("\n").isprintable()
    assert len(said) < 700
