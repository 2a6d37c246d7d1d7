"""Settles rows of the ledger in the transaction that writes terminal events. Pure.

Only where the ledger lives in Dagster's own PostgreSQL. The statement does what `settle` in
core/ledger/postgres/sql.ts does, but for claims that no permit was asked for.
"""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from dagster_taskiq.host.wire.frames import ExecutionResult, State
    from dagster_taskiq.host.wire.orders import ClaimBesideDagster, StepId

STALE = "the claim of the step is stale"
"""The text in the server's error if a row is not running under the expected fence."""

# As `settledState` in core/step/step.ts has them.
_ROW_STATES: dict[State, str] = {
    "success": "completed",
    "failure": "failed",
    "up_for_retry": "failed",
    "resource_init_failure": "failed",
    "reported": "dead",
}
_NOW = "date_trunc('milliseconds', clock_timestamp())"
# Rows are locked in the order of their keys, as every statement of the ledger does. A claim that
# changes hands while this waits for its row is seen as it is then.
_SETTLE = """
WITH asked AS MATERIALIZED (SELECT * FROM json_to_recordset(%s::json)
  AS asked (key text, fence bigint, state text, outcome text)),
held AS MATERIALIZED (
  SELECT entry.idempotency_key, asked.state, asked.outcome
  FROM asked JOIN {table} AS entry ON entry.idempotency_key = asked.key
  WHERE entry.fence = asked.fence AND entry.state = 'running'
  ORDER BY entry.idempotency_key FOR UPDATE OF entry),
settled AS (
  UPDATE {table} AS entry SET state = held.state, outcome = held.outcome::json,
    lease_expires_at = NULL, updated_at = {now}, settled_at = {now}
  FROM held WHERE entry.idempotency_key = held.idempotency_key RETURNING 1)
SELECT CAST(
  CASE WHEN (SELECT count(*) FROM settled) = {count} THEN '0' ELSE '{stale}' END AS integer);
"""


@dataclass(frozen=True)
class Settlement:
    """The end of a claim, as the ledger's row will have it."""

    schema: str
    """Holds the ledger's tables."""
    key: str
    fence: int
    state: str
    outcome: str
    """JSON."""


def settlement_of(
    claim: ClaimBesideDagster | None, attempt: StepId, result: ExecutionResult
) -> Settlement | None:
    """Return how the claim of the attempt ends. `None`: its ledger is elsewhere."""
    if claim is None:
        return None
    state, key = _ROW_STATES[result["state"]], attempt.idempotency_key
    return Settlement(claim.schema, key, claim.fence, state, outcome_text(result))


def statement_for(settlements: Sequence[Settlement]) -> tuple[str, tuple[str, ...]]:
    """Return the SQL, which fails with STALE unless it settles all of them, and its parameters."""
    texts: list[str] = []
    parameters: list[str] = []
    for schema in sorted({each.schema for each in settlements}):
        rows = [
            {"key": each.key, "fence": each.fence, "state": each.state, "outcome": each.outcome}
            for each in settlements
            if each.schema == schema
        ]
        name = schema.replace('"', '""').replace("%", "%%")
        table = f'"{name}".taskiq_idempotency_records'
        texts.append(_SETTLE.format(table=table, now=_NOW, count=len(rows), stale=STALE))
        parameters.append(json.dumps(rows))
    return "".join(texts), tuple(parameters)


def outcome_text(result: ExecutionResult) -> str:
    """Return the JSON that the worker would record: `encodeOutcome`, byte for byte."""
    output, error = result["output"], result["error"]
    fields = {
        "state": _text(result["state"]),
        "output": "null" if output is None else _object(output, ("outputs", "assets")),
        "error": "null" if error is None else _object(error, ("class", "message", "traceback")),
        "started_at": _number(result["started_at"]),
        "completed_at": _number(result["completed_at"]),
        "execution_time_seconds": _number(result["execution_time_seconds"]),
    }
    return "{" + ",".join(f'"{name}":{text}' for name, text in fields.items()) + "}"


def _object(values: object, names: Sequence[str]) -> str:
    assert isinstance(values, dict)
    return "{" + ",".join(f'"{name}":{_text(values[name])}' for name in names) + "}"


def _text(value: object) -> str:
    text = json.dumps(value, ensure_ascii=False, separators=(",", ":"))
    return re.sub("[\ud800-\udfff]", lambda found: f"\\u{ord(found[0]):04x}", text)


def _number(value: float) -> str:
    """Write a number as JavaScript does: 1.0 as 1, and exponents in its own form."""
    if value == int(value):
        return str(int(value))
    if abs(value) >= 1e-6:
        return format(Decimal(repr(value)), "f")
    return re.sub(r"e-0", "e-", repr(value))
