"""`python -m dagster_taskiq.instance_database`: prints where the Dagster instance keeps its data.

One line of JSON, for `taskiq --ledger-url dagster`. It holds the password, so the reader must not
log it. The exit code is 1, with the reason on stderr, if the instance cannot be opened.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from dagster import DagsterInstance


def database_of(instance: DagsterInstance) -> Mapping[str, str | int | None]:
    """Return the parts of the PostgreSQL URL, as dagster-postgres made it from dagster.yaml.

    `storage` names the class of the event log storage, and is all there is for other databases.
    `None` stands for what the URL leaves to the client.
    """
    storage = instance.event_log_storage
    name = type(storage).__name__
    url = getattr(storage, "postgres_url", None)
    if not isinstance(url, str):
        return {"storage": name}
    from sqlalchemy.engine import make_url

    parts = make_url(url)
    query = {key: value for key, value in parts.query.items() if isinstance(value, str)}
    return {
        "storage": name,
        # libpq takes any part of a URL from its parameters, too.
        "host": query.get("host", parts.host),
        "port": int(query.get("port", parts.port or 5432)),
        "user": query.get("user", parts.username),
        "password": query.get("password", parts.password),
        "database": query.get("dbname", parts.database),
        "sslmode": query.get("sslmode"),
        "sslrootcert": query.get("sslrootcert"),
        "passfile": query.get("passfile"),
    }


def main() -> int:
    """Print the line; return the exit code."""
    from dagster_taskiq.host.program import Fatal, build_instance

    try:
        instance = build_instance()
    except Fatal as error:
        sys.stderr.write(f"{error}\n")
        return 1
    sys.stdout.write(json.dumps(database_of(instance)) + "\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
