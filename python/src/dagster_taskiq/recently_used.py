"""Keeps what was used last, within bounds."""

from __future__ import annotations

import math
from collections import OrderedDict
from collections.abc import Callable
from typing import Generic, TypeVar

K = TypeVar("K")
V = TypeVar("V")


class RecentlyUsed(Generic[K, V]):
    """At most so many values, of at most so much weight. The newest stays, however heavy it is."""

    def __init__(
        self,
        most: float = math.inf,
        *,
        most_weight: float = math.inf,
        weight: Callable[[V], int] = lambda _: 0,
    ) -> None:
        self._most = most
        self._most_weight = most_weight
        self._weight_of = weight
        self._kept: OrderedDict[K, V] = OrderedDict()
        self._weight = 0

    def __contains__(self, key: K) -> bool:
        return key in self._kept

    def get(self, key: K) -> V | None:
        """Return the value, which is the one used last from now on."""
        if key in self._kept:
            self._kept.move_to_end(key)
        return self._kept.get(key)

    def keep(self, key: K, value: V) -> None:
        """Keep it in place of what the key had, and drop what is beyond the bounds."""
        self.drop(key)
        self._kept[key] = value
        self._weight += self._weight_of(value)
        while len(self._kept) > 1 and self._is_too_much():
            _, dropped = self._kept.popitem(last=False)
            self._weight -= self._weight_of(dropped)

    def drop(self, key: K) -> None:
        """Keep the value of this key no longer, if it has one."""
        if key in self._kept:
            self._weight -= self._weight_of(self._kept.pop(key))

    def _is_too_much(self) -> bool:
        return len(self._kept) > self._most or self._weight > self._most_weight
