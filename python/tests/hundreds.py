"""A job of four hundred steps, in a module of its own as building it takes time."""

from ticks import job_of

STEPS = 400

hundreds = job_of("hundreds", STEPS)
