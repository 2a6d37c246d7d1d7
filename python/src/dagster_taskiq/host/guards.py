"""The processes that the host watches over: which there are, when to look, what is due."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping

from dagster_taskiq.host.guard import Guard


class Guards:
    """One guard for each process, by the id that the worker gave its work."""

    def __init__(self) -> None:
        self._by_id: dict[str, Guard] = {}

    def __len__(self) -> int:
        return len(self._by_id)

    def __iter__(self) -> Iterator[Guard]:
        return iter(self._by_id.values())

    def get(self, identifier: str) -> Guard | None:
        """Return the one with this id."""
        return self._by_id.get(identifier)

    def add(self, guard: Guard) -> None:
        """Watch over it from now on."""
        self._by_id[guard.process.id] = guard

    def remove(self, guard: Guard) -> None:
        """Its process is gone."""
        del self._by_id[guard.process.id]

    def runs(self) -> Iterator[str]:
        """Yield the runs that have steps here."""
        return (guard.process.step[0] for guard in self if guard.process.step is not None)

    def cancel(self, over: Mapping[str, bool], hear: Callable[[Guard], None]) -> None:
        """Interrupt the steps of these runs, which are over; true for those that were canceled."""
        for guard in self._living():
            if guard.process.step is not None and guard.process.step[0] in over:
                hear(guard)
                guard.cancel(canceled=over[guard.process.step[0]])

    def _living(self) -> list[Guard]:
        return [guard for guard in self if guard.process.status is None]
