"""Feeds a dead run worker's events to the one that resumes its run (Dagster's run monitoring).

Dagster would replay the run's first 1000 events in one go, and raise on ordinary logs. Examples are
a skipped step, a retry that had to wait, or an order that `max_concurrent` or pools would not
repeat. A resource failure without an answer would leave its step open forever.

Here the resumed executor starts from nothing instead and makes its decisions again. It looks up
each attempt that it launches in the log, and sends nothing if the log has its end. The log's events
are handed over once their attempt is launched, as if they came in now. So the executor only ever
sees events in an order that it would have caused itself.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING

from dagster import DagsterEvent, DagsterEventType, TextMetadataValue

from dagster_taskiq.dagster_internals.patches import claim_slots_by
from dagster_taskiq.dagster_internals.producer import ConcurrencyClaimStatus, ConcurrencySlotStatus
from dagster_taskiq.dagster_internals.shared import StepRetryData

if TYPE_CHECKING:
    from dagster_taskiq.dagster_internals.producer import EventLogStorage

Attempt = tuple[str, int]

DEDUPLICATION_ID = "deduplication_id"
"""Metadata of STEP_WORKER_STARTING: what the attempt's message is sent under on a FIFO queue."""

_VERDICTS = {
    DagsterEventType.STEP_SUCCESS,
    DagsterEventType.STEP_FAILURE,
    DagsterEventType.STEP_UP_FOR_RETRY,
}
_OVER = _VERDICTS | {DagsterEventType.RESOURCE_INIT_FAILURE}
_BEGINS = {
    DagsterEventType.STEP_WORKER_STARTING,
    DagsterEventType.STEP_WORKER_STARTED,
    DagsterEventType.STEP_RESTARTED,
}


class Replay:
    """Holds events back until the executor has launched the attempt that they are about."""

    def __init__(self, past: Sequence[DagsterEvent]) -> None:
        self._held: list[tuple[Attempt | None, DagsterEvent]] = []
        self._retries: Counter[str] = Counter()
        self._begun: set[Attempt] = set()
        self._over: set[Attempt] = set()
        self._answered: set[Attempt] = set()
        self._launches: dict[str, int] = {}
        self._sent_as: dict[Attempt, str] = {}
        # Skips are the executor's own decisions, which it makes and writes again.
        self.hold([event for event in past if not event.is_step_skipped])

    def hold(self, events: Sequence[DagsterEvent]) -> None:
        """Take what the log has next."""
        for event in events:
            key = None if event.is_step_skipped else event.step_key
            if key is None:
                self._held.append((None, event))
                continue
            # Nothing in an event names its attempt: attempt n follows the n-th STEP_UP_FOR_RETRY.
            attempt = (key, self._retries[key])
            self._held.append((attempt, event))
            self._note(attempt, event)

    def launch(self, step_key: str, attempt: int) -> bool:
        """Note that this attempt is in flight; return whether the log already holds its end."""
        self._launches[step_key] = attempt + 1
        return (step_key, attempt) in self._over

    def sent_as(self, step_key: str, attempt: int) -> str | None:
        """Return the deduplication id under which the attempt was sent, or was to be sent."""
        return self._sent_as.get((step_key, attempt))

    def is_next_over(self, step_key: str) -> bool:
        """Return whether the log already holds the end of the step's next launch."""
        return (step_key, self._launches.get(step_key, 0)) in self._over

    def release(self) -> list[DagsterEvent]:
        """Return what the executor may see by now, in the log's order, each event once."""
        released: list[DagsterEvent] = []
        kept: list[tuple[Attempt | None, DagsterEvent]] = []
        for attempt, event in self._held:
            if attempt is None:
                released.append(event)
            elif attempt[1] >= self._launches.get(attempt[0], 0):
                kept.append((attempt, event))
            # An answered resource failure would be answered again.
            elif not (event.is_resource_init_failure and attempt in self._answered):
                released.append(self._as_of_now(attempt, event))
        self._held = kept
        return released

    def _note(self, attempt: Attempt, event: DagsterEvent) -> None:
        kind = event.event_type
        if kind in _BEGINS:
            self._begun.add(attempt)
        if kind is DagsterEventType.STEP_WORKER_STARTING:
            value = event.engine_event_data.metadata.get(DEDUPLICATION_ID)
            if isinstance(value, TextMetadataValue) and value.text:
                self._sent_as[attempt] = value.text
        if kind in _OVER:
            self._over.add(attempt)
        if kind in _VERDICTS:
            self._answered.add(attempt)
        if event.is_step_up_for_retry:
            self._retries[attempt[0]] += 1

    def _as_of_now(self, attempt: Attempt, event: DagsterEvent) -> DagsterEvent:
        following = (attempt[0], attempt[1] + 1)
        has_followed = following in self._begun or following in self._over
        if not event.is_step_up_for_retry or not has_followed:
            return event
        # The next attempt was launched long ago; its delay is not waited out once more.
        data = StepRetryData(error=event.step_retry_data.error, seconds_to_wait=None)
        return event._replace(event_specific_data=data)


@contextmanager
def no_slots_for_the_past(storage: EventLogStorage, replay: Replay) -> Iterator[None]:
    """Let launches whose end the log holds go ahead without a slot of their pool.

    They run nothing. A slot they waited for may be held by a step of this very run that comes after
    them, which could never give it back.
    """
    claim = storage.claim_concurrency_slot

    def claim_if_it_runs(
        concurrency_key: str, run_id: str, step_key: str, priority: int | None = None
    ) -> ConcurrencyClaimStatus:
        if not replay.is_next_over(step_key):
            return claim(concurrency_key, run_id, step_key, priority)
        return ConcurrencyClaimStatus(
            concurrency_key=concurrency_key, slot_status=ConcurrencySlotStatus.CLAIMED
        )

    with claim_slots_by(storage, claim_if_it_runs):
        yield
