"""A step host that starts each interpreter only when a step needs it."""

import sys

from dagster_taskiq.host.base import interpreters
from dagster_taskiq.host.program import main

if __name__ == "__main__":
    interpreters.IDLE_SECONDS = 0.0
    sys.exit(main(sys.argv[1:]))
