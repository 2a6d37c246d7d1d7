"""What signs a message, and which keys may."""

import json
from pathlib import Path

import pytest

from dagster_taskiq.settings import ConfigurationError, envelope_key
from dagster_taskiq.signature import SIGNATURE_ATTRIBUTE, signature_of

GOLDEN = json.loads(
    (Path(__file__).parents[2] / "fixtures" / "signature.json").read_text(encoding="utf-8")
)
KEY, OTHER = "0123456789abcdef" * 2, "fedcba9876543210" * 2


def test_the_producer_signs_as_the_worker_checks() -> None:
    assert GOLDEN["attribute"] == SIGNATURE_ATTRIBUTE
    assert signature_of(GOLDEN["body"], GOLDEN["key"]) == GOLDEN["signature"]


@pytest.mark.parametrize(
    ("text", "key"),
    [("", None), (KEY, KEY), (f"{KEY},{OTHER}", KEY), (f" {OTHER} ,\n{KEY}\n", OTHER)],
)
def test_the_first_key_signs(text: str, key: str | None) -> None:
    assert envelope_key({"TASKIQ_ENVELOPE_KEY": text}) == key


def test_no_message_is_signed_without_the_variable() -> None:
    assert envelope_key({}) is None


@pytest.mark.parametrize("text", ["short", f"{KEY},short", "ø" * 32])
def test_a_key_that_cannot_be_used_is_refused_and_not_shown(text: str) -> None:
    with pytest.raises(ConfigurationError, match="TASKIQ_ENVELOPE_KEY: expected keys of") as caught:
        envelope_key({"TASKIQ_ENVELOPE_KEY": text})
    assert "short" not in str(caught.value)
    assert KEY not in str(caught.value)
