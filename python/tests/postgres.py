"""A PostgreSQL server of the tests' own, by the program that the TypeScript tests use too."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

_ROOT = Path(__file__).parents[2]


@contextmanager
def postgres_server() -> Iterator[str]:
    """Start it and give its URL; it ends with the block, or with this process."""
    with subprocess.Popen(
        [_ROOT / "node_modules/.bin/node", _ROOT / "test/support/postgres/postgres-server.ts"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    ) as program:
        assert program.stdin is not None
        assert program.stdout is not None
        line = program.stdout.readline()
        assert line, "the PostgreSQL server for tests did not start; its words are above"
        try:
            yield json.loads(line)["url"]
        finally:
            program.stdin.close()


def dagster_yaml(postgres_url: str) -> str:
    """Return the part of dagster.yaml that puts all of an instance's storages there."""
    # Without a driver's name SQLAlchemy 2.1 takes psycopg; dagster-postgres has psycopg2.
    postgres_url = postgres_url.replace("postgresql://", "postgresql+psycopg2://")
    return f"storage:\n  postgres:\n    postgres_url: {json.dumps(postgres_url)}\n"
