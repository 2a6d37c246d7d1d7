"""A job of a thousand steps, in a module of its own: it takes long to build."""

from ticks import job_of

thousand = job_of("thousand", 1000)
