"""The worker's own ledger, in the database of a Dagster instance, for tests of the recorder."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path
from typing import Any

_ROOT = Path(__file__).parents[3]
SCHEMA = "taskiq"
LEASE_MS = 60_000


class Ledger:
    """The real one, in a Node process: the methods of `core/ledger/port.ts` by their names."""

    def __init__(self, url: str) -> None:
        node, program = "node_modules/.bin/node", "test/support/ledger/ledger-program.ts"
        self._program = subprocess.Popen(
            [_ROOT / node, _ROOT / program, url, SCHEMA],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
        )

    def ask(self, method: str, *parameters: Any) -> Any:
        assert self._program.stdin is not None
        assert self._program.stdout is not None
        self._program.stdin.write(json.dumps([method, *parameters]).encode() + b"\n")
        self._program.stdin.flush()
        line = self._program.stdout.readline()
        assert line, "the ledger's program has ended; its words are above"
        return json.loads(line)

    def claim(
        self, key: str, lease_ms: int = LEASE_MS, owner: str = "worker-1"
    ) -> dict[str, Any] | str:
        """Claim the attempt; return the hold, or what the ledger says in its place."""
        run_id, step_key, *attempt = key.split(":")
        step = {"runId": run_id, "stepKey": step_key, "attempt": int((*attempt, 0)[0])}
        message = {"messageId": "m", "payloadDigest": "d", "receivedAtMs": 0}
        request = {"key": key, "step": step, "owner": owner, "leaseMs": lease_ms, **message}
        claim = self.ask("claim", request)
        if claim["kind"] == "granted":
            return {"key": key, "fence": claim["fence"]}
        return str(claim["kind"])

    def row(self, key: str) -> dict[str, Any]:
        row: dict[str, Any] = self.ask("find", key)
        return row

    def close(self) -> None:
        assert self._program.stdin is not None
        self._program.stdin.close()
        # A recorder that a failed test has left may hold the other end open.
        self._program.terminate()
        self._program.wait()
