"""What a failed send means: whether the same one may succeed later, and how it is described."""

from __future__ import annotations

import re

from botocore.exceptions import (
    BotoCoreError,
    ClientError,
    CredentialRetrievalError,
    HTTPClientError,
    MetadataRetrievalError,
    NoCredentialsError,
    TokenRetrievalError,
)
from botocore.exceptions import ConnectionError as ConnectError

from dagster_taskiq.deadline import NoAnswerError

_LONGEST_CAUSE = 500

_THROTTLES = {
    "KmsThrottled",
    "RequestLimitExceeded",
    "RequestThrottled",
    "SlowDown",
    "Throttling",
    "ThrottlingException",
    "TooManyRequestsException",
}

# AWS does not accept the keys. Others may be in their place by now, or soon.
_REFUSED_KEYS = {
    "ExpiredToken",
    "ExpiredTokenException",
    "IncompleteSignature",
    "InvalidAccessKeyId",
    "InvalidClientTokenId",
    "InvalidSecurity",
    "InvalidSignatureException",
    "MissingAuthenticationToken",
    "SignatureDoesNotMatch",
    "UnrecognizedClientException",
}

_NO_CREDENTIALS = (
    CredentialRetrievalError,
    MetadataRetrievalError,
    NoCredentialsError,
    TokenRetrievalError,
)

_WRONG_TIME = re.compile("signature (?:expired|not yet current)", re.IGNORECASE)


class OddAnswerError(Exception):
    """What answers in SQS's place, a proxy perhaps, does not answer as SQS does."""


TROUBLES = (BotoCoreError, ClientError, NoAnswerError, OddAnswerError)


def may_pass(error: Exception) -> bool:
    """Return whether the same send may succeed later."""
    if is_of_credentials(error):
        return True
    if not isinstance(error, ClientError):
        return isinstance(error, (ConnectError, HTTPClientError, OddAnswerError))
    status = error.response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0)
    return status >= 500 or status == 429 or _code_of(error) in _THROTTLES


def is_of_credentials(error: Exception) -> bool:
    """Return whether a new client may find better ones. A late one holds its session's lock."""
    if isinstance(error, ClientError):
        return _code_of(error) in _REFUSED_KEYS and not _WRONG_TIME.search(str(error))
    return isinstance(error, (*_NO_CREDENTIALS, NoAnswerError))


def _code_of(error: ClientError) -> str:
    return str(error.response.get("Error", {}).get("Code", "")).rpartition(".")[2]


def cause_of(error: Exception) -> str:
    """Describe the cause, at most 500 characters of it."""
    if not isinstance(error, ClientError):
        return f"{type(error).__name__}: {error}"[:_LONGEST_CAUSE]
    detail = error.response.get("Error", {})
    clock = "this machine's clock differs from AWS's: " if _WRONG_TIME.search(str(error)) else ""
    cause = f"{clock}{detail.get('Code', 'Unknown')}: {detail.get('Message', 'no message')}"
    return cause[:_LONGEST_CAUSE]
