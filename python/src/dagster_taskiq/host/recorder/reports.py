"""Ends attempts that the machinery could not run, each in one transaction with its claim's row."""

from __future__ import annotations

import logging
import math
from typing import TYPE_CHECKING

from dagster import DagsterEvent

from dagster_taskiq.dagster_internals.host import serialize_value
from dagster_taskiq.host.record.attempt_log import AttemptLog
from dagster_taskiq.host.record.log_entry import log_entry
from dagster_taskiq.host.recorder.events import RecordedEvent
from dagster_taskiq.host.recorder.settlement import settlement_of
from dagster_taskiq.host.recorder.store import InDoubt, Part, Stale
from dagster_taskiq.host.recorder.writer import write_parts
from dagster_taskiq.host.wire.errors import error_from, error_info
from dagster_taskiq.host.wire.outcomes import MachineryFault, Outcome, fault, outcome
from dagster_taskiq.host.work.report import end_of_attempt, reported

if TYPE_CHECKING:
    from dagster import DagsterInstance

    from dagster_taskiq.host.recorder.store import Store
    from dagster_taskiq.host.wire.orders import ReportOrder


def report(order: ReportOrder, instance: DagsterInstance, store: Store) -> Outcome:
    """Write the end of the attempt, and settle its claim. Never raises.

    The fence decides alone, without a permit or a deadline.
    """
    try:
        event = store.read(lambda: end_of_attempt(order, instance))
    except MachineryFault as error:
        return fault(error.scope, error_from(error.__cause__ or error))
    except Exception as error:  # noqa: BLE001 - the outcome reports every error
        return fault("step", error_from(error))
    return _write(order, event, store) if isinstance(event, DagsterEvent) else event


def _write(order: ReportOrder, event: DagsterEvent, store: Store) -> Outcome:
    entry = log_entry(order.attempt.run_id, event, logging.ERROR)
    end = reported(AttemptLog([entry], entry))
    events = [RecordedEvent(entry, serialize_value(entry))]
    settlement = settlement_of(order.ledger, order.attempt, end["result"])
    part = Part(order.id, order.attempt, events, math.inf, settlement)
    verdict = write_parts(store, [part])[order.id]
    return {**end, "settled": True} if verdict is None else _unwritten(verdict)


def _unwritten(verdict: Exception) -> Outcome:
    if isinstance(verdict, Stale):
        return outcome("permit_refused", error=error_info("ClaimStale", str(verdict)))
    if isinstance(verdict, InDoubt):
        return outcome("permit_refused", error=error_info("WriteInDoubt", str(verdict)))
    return fault("instance", error_from(verdict))
