"""Entry point of `python -m dagster_taskiq.host`."""

from __future__ import annotations

import sys

from dagster_taskiq.host.program import main

# Not on import: multiprocessing's spawned children import the main module again.
if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
