"""A step host that waits for an import, and for the code of a run, only a moment."""

import sys

from dagster_taskiq.host import base
from dagster_taskiq.host.limits import Limits
from dagster_taskiq.host.program import main
from dagster_taskiq.host.supervise import links

if __name__ == "__main__":
    base._OTHERS_SECONDS = 1.0
    links._IMPORT = Limits(timeout=3.0, grace=0.2)
    sys.exit(main(sys.argv[1:]))
