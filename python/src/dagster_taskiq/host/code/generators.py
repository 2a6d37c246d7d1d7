"""Generators of random numbers that code makes when it is imported. Each fork has a copy of them.

In a process of its own each would be seeded by the machine, or by the code. Here the code ran once.
So what the machine seeded is seeded again in each fork, and what the code seeded is left alone.
"""

from __future__ import annotations

import random
import secrets
import sys
import weakref
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from dagster_taskiq.host.code.live_objects import objects_of

# Of the recurrence that MT19937 makes its state of, if its seed is a whole number.
_MULTIPLIER = 1_812_433_253
# Its first word, if it was seeded with an array or by the machine.
_FROM_ARRAY = 0x80000000


class Generators:
    """The generators that one location's code made."""

    def __init__(self) -> None:
        self._unseeded: weakref.WeakSet[random.Random] = weakref.WeakSet()
        self._drawn_seeds: set[int] = set()
        self._seeded_state: object = None
        self._of_numpy: dict[int, Any] = {}

    @contextmanager
    def noting(self) -> Iterator[None]:
        """Note which generators are made inside, and who seeds them."""
        seed, seed_shared, randbits = random.Random.seed, random.seed, secrets.randbits
        shared_was_seeded = False

        def noting_seed(self_: random.Random, a: Any = None, version: int = 2) -> None:
            seed(self_, a, version)
            (self._unseeded.add if a is None else self._unseeded.discard)(self_)

        def noting_shared_seed(a: Any = None, version: int = 2) -> None:
            nonlocal shared_was_seeded
            seed_shared(a, version)
            shared_was_seeded = a is not None

        def noting_randbits(k: int) -> int:
            bits = randbits(k)
            self._drawn_seeds.add(bits)  # NumPy draws its seeds by it
            return bits

        _replace(noting_seed, noting_shared_seed, noting_randbits)
        try:
            yield
        finally:
            _replace(seed, seed_shared, randbits)
            if shared_was_seeded:
                self._seeded_state = random.getstate()

    def find_of_numpy(self) -> list[str]:
        """Look for NumPy's; return those that can neither be left alone nor seeded again."""
        numpy = sys.modules.get("numpy.random")
        if numpy is None:
            return []
        doubtful = []
        for each in objects_of(numpy.Generator, numpy.RandomState):
            if isinstance(each, numpy.Generator):
                # Older than NumPy 1.25: by another name.
                source = each.bit_generator
                sequence = getattr(source, "seed_seq", getattr(source, "_seed_seq", None))
                if getattr(sequence, "entropy", None) in self._drawn_seeds:
                    self._of_numpy[id(each)] = each
            elif each is numpy.mtrand._rand or _is_seeded(each):
                continue  # the first is seen to in each fork
            elif _is_of_machine(each):
                self._of_numpy[id(each)] = each
            else:
                doubtful.append("a numpy RandomState whose seed is unknown")
        return doubtful

    def seed_again(self, *, shared: bool = False) -> None:
        """In a fork: give each that the machine had seeded a seed of its own.

        Python itself seeds the one of its module `random` in each fork. `shared` does it here.
        """
        if shared:
            random.seed()
        for each in list(self._unseeded):
            each.seed()
        if self._seeded_state is not None:
            random.setstate(self._seeded_state)  # type: ignore[arg-type]
        for each in self._of_numpy.values():
            if hasattr(each, "bit_generator"):
                each.bit_generator.state = type(each.bit_generator)().state
            else:
                each.seed()
        numpy = sys.modules.get("numpy.random")
        if numpy is not None and not _is_seeded(numpy.mtrand._rand):
            numpy.seed()


def _replace(seed: Any, seed_shared: Any, randbits: Any) -> None:
    random.Random.seed = seed  # type: ignore[method-assign]
    random.seed = seed_shared
    secrets.randbits = randbits
    numpy: Any = sys.modules.get("numpy.random.bit_generator")
    if numpy is not None and hasattr(numpy, "randbits"):
        numpy.randbits = randbits


def _is_seeded(state: Any) -> bool:
    """Return whether a whole number was its seed, and nothing was drawn since."""
    words = [int(word) for word in state.get_state()[1][:4]]
    made = [words[0]]
    for position in range(1, len(words)):
        last = made[-1]
        made.append((_MULTIPLIER * (last ^ (last >> 30)) + position) & 0xFFFFFFFF)
    return words == made


def _is_of_machine(state: Any) -> bool:
    return int(state.get_state()[1][0]) == _FROM_ARRAY
