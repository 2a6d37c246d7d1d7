"""Sending without credentials for a while, with late ones, and with keys that AWS refuses."""

import json
import threading
import time
from collections.abc import Iterator
from datetime import datetime, timedelta, timezone
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from dagster_taskiq.enqueue import EnvelopeSender, Patience
from dagster_taskiq.outgoing import EnqueueError, Queue
from dagster_taskiq.sqs_client import Connection
from sqs_double import SqsDouble, refuse, refuse_key
from test_enqueue import envelope, send

QUICK = Patience(first_wait=0.01, longest_wait=0.02, give_up_after=20, longest_try=10)


class CredentialsServer:
    """The endpoint of a container."""

    def __init__(self) -> None:
        self.broken = False
        self.key = "k"
        self.wants: str | None = None
        """The only token that it answers to."""
        self.expiration = "2099-01-01T00:00:00Z"
        outer = self

        class Request(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                known = outer.wants in (None, self.headers.get("Authorization"))
                self.send_response(500 if outer.broken else 200 if known else 401)
                self.end_headers()
                keys = {"AccessKeyId": outer.key, "SecretAccessKey": "s", "Token": "t"}
                self.wfile.write(json.dumps(keys | {"Expiration": outer.expiration}).encode())

            def log_message(self, *_: object) -> None:
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Request)
        self.server.daemon_threads = True
        threading.Thread(target=self.server.serve_forever, args=(0.01,), daemon=True).start()
        self.url = f"http://127.0.0.1:{self.server.server_port}/"

    def close(self) -> None:
        self.server.shutdown()
        self.server.server_close()


@pytest.fixture
def no_keys(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("AWS_ACCESS_KEY_ID")
    monkeypatch.delenv("AWS_SECRET_ACCESS_KEY")
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")


@pytest.fixture
def container(no_keys: None, monkeypatch: pytest.MonkeyPatch) -> Iterator[CredentialsServer]:
    server = CredentialsServer()
    monkeypatch.setenv("AWS_CONTAINER_CREDENTIALS_FULL_URI", server.url)
    yield server
    server.close()


def sender(sqs: SqsDouble, patience: Patience = QUICK) -> EnvelopeSender:
    return EnvelopeSender(Queue(url=sqs.url("steps.fifo")), Connection(), patience)


def test_a_container_endpoint_that_fails_for_a_while_costs_tries(
    sqs: SqsDouble, container: CredentialsServer
) -> None:
    container.broken = True
    warnings: list[str] = []

    def warn(text: str) -> None:
        warnings.append(text)
        container.broken = False

    send(sender(sqs), envelope(), warn)
    assert len(sqs.messages) == 1
    assert warnings[0].startswith(
        "Could not send step measure[oslo] (attempt 0) of run run-1 to queue "
        f"{sqs.url('steps.fifo')} after 1 try: CredentialRetrievalError: Error when retrieving"
        " credentials from container-role: "
    )


def test_eks_pod_identity_is_asked_with_the_token_that_the_file_holds_at_that_time(
    sqs: SqsDouble, container: CredentialsServer, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    token = tmp_path / "token"
    monkeypatch.setenv("AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE", str(token))
    # Within ten minutes of their end boto3 asks for new ones before each use.
    container.expiration = (datetime.now(timezone.utc) + timedelta(minutes=5)).isoformat()
    sends = sender(sqs)
    for name in ("token-1", "token-2"):
        token.write_text(name)
        container.wants, container.key = name, f"key of {name}"
        send(sends, envelope(), pytest.fail)
    assert sqs.signed_by == ["key of token-1", "key of token-2"]


def test_missing_credentials_are_looked_for_until_there_are_some(
    sqs: SqsDouble, no_keys: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    warnings: list[str] = []

    def warn(text: str) -> None:
        warnings.append(text)
        monkeypatch.setenv("AWS_ACCESS_KEY_ID", "late")
        monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "s")

    send(sender(sqs), envelope(), warn)
    assert (len(sqs.messages), len(warnings)) == (1, 1)
    assert "NoCredentialsError: Unable to locate credentials. Trying again in " in warnings[0]


def test_a_process_that_prints_nothing_ends_with_its_try_and_the_send_in_time(
    sqs: SqsDouble, no_keys: None, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    config = tmp_path / "config"
    config.write_text("[default]\ncredential_process = sleep 5\n")
    monkeypatch.setenv("AWS_CONFIG_FILE", str(config))
    hasty = Patience(first_wait=0.01, longest_wait=0.02, give_up_after=0.3, longest_try=0.2)
    began = time.monotonic()
    with pytest.raises(EnqueueError, match=r"NoAnswerError: no answer within 0\.2 s$"):
        send(sender(sqs, hasty), envelope(), lambda _: None)
    assert time.monotonic() - began < 3
    config.write_text("")
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "late")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "s")
    send(sender(sqs, hasty), envelope(), pytest.fail)
    assert len(sqs.messages) == 1


@pytest.mark.parametrize("code", ["ExpiredToken", "InvalidClientTokenId", "SignatureDoesNotMatch"])
@pytest.mark.parametrize("source", ["file", "process"])
def test_keys_that_aws_refuses_are_read_again(
    sqs: SqsDouble,
    no_keys: None,
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
    code: str,
    source: str,
) -> None:
    keys = tmp_path / "keys"

    def give(key: str) -> None:
        if source == "file":
            keys.write_text(f"[default]\naws_access_key_id = {key}\naws_secret_access_key = s\n")
        else:
            printed = {"Version": 1, "AccessKeyId": key, "SecretAccessKey": "s"}
            keys.write_text(json.dumps(printed))

    give("old")
    if source == "file":
        monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(keys))
    else:
        config = tmp_path / "config"
        config.write_text(f"[default]\ncredential_process = cat {keys}\n")
        monkeypatch.setenv("AWS_CONFIG_FILE", str(config))
    sends = sender(sqs)
    send(sends, envelope(), pytest.fail)
    give("new")
    sqs.faults += [refuse_key("old", code)] * 2
    warnings: list[str] = []
    send(sends, envelope(retry_count=1), warnings.append)
    assert (len(sqs.messages), len(warnings)) == (2, 1)
    assert f"after 1 try: {code}: on request. Trying again in " in warnings[0]


def test_a_clock_that_is_wrong_is_named_and_what_is_denied_fails_at_once(sqs: SqsDouble) -> None:
    expired = "Signature expired: 20261130T010000Z is now earlier than 20261130T015500Z"
    named = f"this machine's clock differs from AWS's: SignatureDoesNotMatch: {expired}"
    for fault, cause in [
        (refuse(403, "SignatureDoesNotMatch", expired), named),
        (refuse(403, "AccessDenied", "no"), "AccessDenied: no"),
    ]:
        sqs.faults.append(fault)
        with pytest.raises(EnqueueError) as caught:
            send(sender(sqs), envelope(), pytest.fail)
        assert str(caught.value).endswith(f"after 1 try: {cause}")
