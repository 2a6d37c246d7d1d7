"""The outcome as JavaScript would write it: the ledger compares texts."""

from __future__ import annotations

from typing import Any

import pytest

from dagster_taskiq.host.recorder.settlement import Settlement, outcome_text, statement_for

TIMES: dict[str, Any] = {"started_at": 1.5, "completed_at": 2.5, "execution_time_seconds": 1.0}


@pytest.mark.parametrize(
    ("number", "text"),
    [
        (0.0, "0"),
        (1790000000.0, "1790000000"),
        (1790000000.123456, "1790000000.123456"),
        (0.1, "0.1"),
        (1e-05, "0.00001"),
        (1e-06, "0.000001"),
        (1.5e-07, "1.5e-7"),
        (2.384185791015625e-07, "2.384185791015625e-7"),
    ],
)
def test_a_number_is_written_as_javascript_writes_it(number: float, text: str):
    result: Any = {"state": "success", "output": None, "error": None, **TIMES}
    written = outcome_text({**result, "execution_time_seconds": number})
    assert written.endswith(f'"execution_time_seconds":{text}}}')


def test_texts_stay_as_they_are_but_for_what_no_database_holds():
    error = {"class": "Ünfug", "message": 'no \0, "quote" or 💧', "traceback": "half \ud83d"}
    produced = {"outputs": ["result"], "assets": ["a/b"]}
    result: Any = {"state": "failure", "output": produced, "error": error, **TIMES}
    assert outcome_text(result) == (
        '{"state":"failure","output":{"outputs":["result"],"assets":["a/b"]},'
        '"error":{"class":"Ünfug","message":"no \\u0000, \\"quote\\" or 💧",'
        '"traceback":"half \\ud83d"},'
        '"started_at":1.5,"completed_at":2.5,"execution_time_seconds":1}'
    )


def test_a_schema_of_any_name_is_one_name_in_the_statement():
    statement, _ = statement_for([Settlement('odd"; 100%', "k", 1, "completed", "{}")])
    assert 'JOIN "odd""; 100%%".taskiq_idempotency_records AS entry' in statement
