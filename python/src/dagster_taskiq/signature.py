"""Signs messages, with an HMAC-SHA256 over the exact bytes of the body in a message attribute.

Workers check it (core/delivery/signature.ts), and fixtures/signature.json pins what both make.
"""

from __future__ import annotations

import hashlib
import hmac
import re
from collections.abc import Mapping

KEY_VARIABLE = "TASKIQ_ENVELOPE_KEY"
SIGNATURE_ATTRIBUTE = "taskiq-signature"

_KEY = re.compile(r"[!-+\--~]{32,1024}")


def key_of(environment: Mapping[str, str]) -> str | None:
    """Return the first of the keys, which signs; None when there are none.

    Raises ValueError, without the value, for one that workers would not take either.
    """
    keys = [key for key in re.split(r"[\s,]+", environment.get(KEY_VARIABLE, "")) if key]
    if not all(_KEY.fullmatch(key) for key in keys):
        raise ValueError(
            f"{KEY_VARIABLE}: expected keys of 32 to 1024 printable characters, separated by commas"
        )
    return keys[0] if keys else None


def signature_of(body: str, key: str) -> str:
    """Return what stands in the attribute."""
    return f"v1={hmac.new(key.encode(), body.encode(), hashlib.sha256).hexdigest()}"


def attributes_of(body: str, key: str | None) -> dict[str, str]:
    """Return the message's attributes and their texts: the signature, if there is a key."""
    return {} if key is None else {SIGNATURE_ATTRIBUTE: signature_of(body, key)}
