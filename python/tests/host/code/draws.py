"""Generators of random numbers that are made at import."""

import random
from pathlib import Path

from host_jobs import FILE, single

UNSEEDED = random.Random()
SEEDED = random.Random(7)
SEEDED_LATER = random.Random()
SEEDED_LATER.seed(7)


@single("draws", config=FILE)
def draws(context):
    drawn = [UNSEEDED.random(), random.random(), SEEDED.random(), SEEDED_LATER.random()]
    with Path(context.op_config["file"]).open("a") as numbers:
        numbers.write(f"{' '.join(map(str, drawn))}\n")
