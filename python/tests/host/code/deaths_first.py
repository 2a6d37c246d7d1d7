"""A step host that hears of deaths first, which is an order that the kernel may choose."""

import selectors
import sys
from typing import Any

from dagster_taskiq.host.deaths import Deaths
from dagster_taskiq.host.program import main


class DeathsFirst(selectors.DefaultSelector):
    def select(self, timeout: float | None = None) -> Any:
        ready = super().select(timeout)
        return sorted(ready, key=lambda pair: not isinstance(pair[0].fileobj, Deaths))


if __name__ == "__main__":
    selectors.DefaultSelector = DeathsFirst
    sys.exit(main(sys.argv[1:]))
