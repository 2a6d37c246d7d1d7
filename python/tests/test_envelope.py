"""The golden envelopes, read and written by Python."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from dagster_taskiq.envelope import Envelope, OnFault, sqs_group_id
from dagster_taskiq.wire_fields import WireError, read_json

GOLDEN_FILES = sorted((Path(__file__).parents[2] / "fixtures" / "envelopes").glob("*.json"))


def golden(path: Path) -> dict[str, Any]:
    return json.loads(path.read_text(encoding="utf-8"))


def names(files: list[Path]) -> list[str]:
    return [path.stem for path in files]


STEPS = [path for path in GOLDEN_FILES if golden(path)["expect"]["kind"] == "step"]
PRODUCED = [path for path in STEPS if golden(path).get("produced")]


def envelope(**changes: Any) -> Envelope:
    fields: dict[str, Any] = {
        "run_id": "r",
        "step_key": "s",
        "op_name": "s",
        "retry_count": 0,
        "retry_mode": "deferred",
        "on_fault": None,
        "enqueued_at": 1.5,
    }
    return Envelope(**{**fields, **changes})


def test_golden_envelopes_of_every_kind_exist() -> None:
    kinds = {golden(path)["expect"]["kind"] for path in GOLDEN_FILES}
    assert kinds == {"step", "unknown_version", "malformed"}
    assert len(PRODUCED) >= 9


@pytest.mark.parametrize("path", PRODUCED, ids=names(PRODUCED))
def test_the_producer_writes_the_golden_body(path: Path) -> None:
    wanted = golden(path)
    assert Envelope.from_dict(wanted["expect"]["envelope"]).to_json() == wanted["body"]


@pytest.mark.parametrize("path", STEPS, ids=names(STEPS))
def test_the_producer_makes_the_golden_key_and_ids(path: Path) -> None:
    expect = golden(path)["expect"]
    read = Envelope.from_dict(expect["envelope"])
    ids = {"key": read.idempotency_key, "group_id": read.group_id}
    assert ids == {name: expect[name] for name in ids}
    assert len(read.group_id) <= 128


@pytest.mark.parametrize("path", STEPS, ids=names(STEPS))
def test_an_envelope_is_read_back_as_it_was_written(path: Path) -> None:
    read = Envelope.from_dict(golden(path)["expect"]["envelope"])
    assert Envelope.from_dict(json.loads(read.to_json())) == read


def body_of(path: Path) -> Any:
    body = golden(path)["body"]
    return read_json(body) if isinstance(body, str) else body


def read_body(path: Path) -> Envelope:
    fields = body_of(path)
    return Envelope.from_dict(fields if isinstance(fields, dict) else {})


def versioned(path: Path) -> bool:
    """Return whether its body names a version itself. Workers unwrap the others."""
    try:
        fields = body_of(path)
    except ValueError:
        return True
    return not isinstance(fields, dict) or ("version" in fields and "task_id" not in fields)


VERSIONED = [path for path in GOLDEN_FILES if versioned(path)]


@pytest.mark.parametrize("path", VERSIONED, ids=names(VERSIONED))
def test_a_golden_body_is_read_or_refused(path: Path) -> None:
    expect = golden(path)["expect"]
    if expect["kind"] == "step":
        assert read_body(path).to_dict() == expect["envelope"]
        return
    # A WireError is one, too.
    with pytest.raises(ValueError, match=r"expected|not JSON|Expecting|Unterminated"):
        read_body(path)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"version": 2}, "version: expected 1, got 2"),
        ({"run_id": ""}, "run_id: expected a non-empty string, got ''"),
        ({"step_key": 7}, "step_key: expected a non-empty string, got 7"),
        ({"op_name": 7}, "op_name: expected a string or null, got 7"),
        ({"retry_count": -1}, "retry_count: expected a whole number from 0 to 2147483647, got -1"),
        (
            {"retry_count": True},
            "retry_count: expected a whole number from 0 to 2147483647, got True",
        ),
        ({"retry_mode": "on"}, "retry_mode: expected 'deferred' or 'disabled', got 'on'"),
        (
            {"on_fault": {}},
            "on_fault: expected {'retry_in': seconds, a year at most} or null, got {}",
        ),
        (
            {"enqueued_at": "now"},
            "enqueued_at: expected Unix seconds before the year 10000, or null, got 'now'",
        ),
        ({"tags": {"a": 1}}, "tags: expected an object of strings, got {'a': 1}"),
    ],
)
def test_an_error_names_the_wrong_field(changes: dict[str, Any], message: str) -> None:
    with pytest.raises(WireError) as caught:
        Envelope.from_dict({**envelope().to_dict(), **changes})
    assert str(caught.value) == message


def test_an_error_shows_only_a_part_of_a_long_value() -> None:
    deep: list[Any] = []
    for _ in range(500):
        deep = [deep]
    for value in ("x" * 1_000_000, deep, dict.fromkeys(range(10_000), "x" * 10_000)):
        with pytest.raises(WireError) as caught:
            Envelope.from_dict({**envelope().to_dict(), "retry_mode": value})
        assert len(str(caught.value)) < 2_000


def test_an_error_names_a_missing_field() -> None:
    fields = envelope().to_dict()
    del fields["run_id"]
    with pytest.raises(WireError) as caught:
        Envelope.from_dict(fields)
    assert str(caught.value) == "run_id: expected a non-empty string, got nothing"


def test_a_body_is_ascii_whatever_it_holds() -> None:
    body = envelope(op_name="måle\u0000\ud800", on_fault=OnFault(retry_in=0.5)).to_json()
    assert body.isascii()
    assert not any(character < " " for character in body)


@pytest.mark.parametrize("text", ["", "a b", "a" * 129, "ø", "a\n"])
def test_group_ids_that_sqs_refuses_are_hashed(text: str) -> None:
    assert sqs_group_id(text) != text
    assert len(sqs_group_id(text)) == 64


def test_importing_the_envelope_loads_neither_dagster_nor_boto3() -> None:
    code = "import sys, dagster_taskiq.envelope; print({'dagster', 'boto3'} & set(sys.modules))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "set()\n"
