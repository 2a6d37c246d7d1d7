"""Generators of random numbers that are made at import."""

import random
from pathlib import Path

import numpy as np
from host_jobs import FILE, single

UNSEEDED = random.Random()
SEEDED = random.Random(7)
SEEDED_LATER = random.Random()
SEEDED_LATER.seed(7)
NUMPY_UNSEEDED = np.random.default_rng()
NUMPY_UNSEEDED_STATE = np.random.RandomState()
NUMPY_SEEDED = np.random.default_rng(7)
NUMPY_SEEDED_STATE = np.random.RandomState(7)


@single("draws", config=FILE)
def draws(context):
    unseeded = [
        UNSEEDED.random(),
        random.random(),
        NUMPY_UNSEEDED.random(),
        NUMPY_UNSEEDED_STATE.random_sample(),
        np.random.random_sample(),
    ]
    seeded = [
        SEEDED.random(),
        SEEDED_LATER.random(),
        NUMPY_SEEDED.random(),
        NUMPY_SEEDED_STATE.random_sample(),
    ]
    drawn = [*unseeded, *seeded]
    with Path(context.op_config["file"]).open("a") as numbers:
        numbers.write(f"{' '.join(map(str, drawn))}\n")
