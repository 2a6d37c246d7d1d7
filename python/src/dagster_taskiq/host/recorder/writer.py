"""Writes the events of steps, and finds out whose events a storage refuses."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from dagster_taskiq.host.recorder.store import (
    ConnectionLost,
    InDoubt,
    Lapsed,
    NoConnection,
    Part,
    Store,
)
from dagster_taskiq.host.system.boot_time import boot_time

Verdict = Exception | None
"""`None` means that the part is written. A NoConnection means that it may be tried later."""


def write_parts(store: Store, parts: Sequence[Part]) -> Mapping[str, Verdict]:
    """Write the parts; return what became of each, by the id of its step."""
    verdicts: dict[str, Verdict] = {}
    for group in store.together([part for part in parts if part.events]):
        verdicts |= _write_group(store, group)
    return verdicts


def _write_group(store: Store, group: Sequence[Part]) -> Mapping[str, Verdict]:
    verdict = _try(store, group)
    if isinstance(verdict, ConnectionLost):
        verdict = _try(store, group)
    if len(group) == 1 or verdict is None or isinstance(verdict, NoConnection | InDoubt):
        return {part.step: verdict for part in group}
    # The storage refuses the data of one step, or its deadline has passed. The others are written.
    return {part.step: _try_alone(store, part) for part in group}


def _try_alone(store: Store, part: Part) -> Verdict:
    verdict = _try(store, [part])
    return _try(store, [part]) if isinstance(verdict, ConnectionLost) else verdict


def _try(store: Store, parts: Sequence[Part]) -> Verdict:
    now = boot_time()
    if any(now >= part.deadline for part in parts):
        return Lapsed()
    try:
        store.write(parts)
    except Exception as error:  # noqa: BLE001 - storages raise what they like
        return error
    return None
