"""What a run's log says of each step, without what two runs of the same job may differ in."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from dagster import DagsterEventType
from dagster._serdes import pack_value

if TYPE_CHECKING:
    from dagster import DagsterInstance, EventLogEntry

Entry = tuple[str, Any]
Logs = dict[str, list[Entry]]

# How an executor launches its steps is its own affair.
_LAUNCHING = {
    DagsterEventType.ENGINE_EVENT,
    DagsterEventType.STEP_WORKER_STARTING,
    DagsterEventType.STEP_WORKER_STARTED,
}
# Times, processes, random names, and the frames between the executor and the op.
_VOLATILE = {
    "duration_ms",
    "timestamp",
    "pid",
    "stack",
    "file_key",
    "log_key",
    "external_url",
    "marker_start",
    "marker_end",
    "storage_id",
}
_UNVERSIONED = "dagster/code_version"
_BY_VERSION = ("dagster/data_version", "dagster/input_data_version/")
_POINTER = "dagster/input_event_pointer/"
_TIMES_AND_PIDS = re.compile(r"\b\d+(\.\d+)?(ms|s| seconds)\b|\b\d+m\d+s\b|\bpid: \d+")


class Log:
    """Reads one run; `names` replace the texts in which two runs of a job always differ."""

    def __init__(self, instance: DagsterInstance, run_id: str, names: Mapping[str, str]) -> None:
        self._instance = instance
        self._run_id = run_id
        self._names = names

    @property
    def status(self) -> str:
        run = self._instance.get_run_by_id(self._run_id)
        assert run is not None
        return run.status.value

    def steps(self) -> Logs:
        """Return by step, "" for none, what was logged, in order."""
        logs: Logs = defaultdict(list)
        for entry in self._instance.all_logs(self._run_id):
            if entry.dagster_event_type in _LAUNCHING:
                continue
            step = _step_of(entry)
            logs[step].append(self._entry(entry) if step else _of_run(entry))
        # No order is promised between what a run plans.
        logs[""].sort(key=str)
        return dict(logs)

    def output(self) -> dict[str, tuple[str, str]]:
        """Return by step what it wrote to stdout and stderr, Dagster's own lines left out."""
        texts: dict[str, tuple[str, str]] = {}
        captured = self._instance.all_logs(self._run_id, of_type=DagsterEventType.LOGS_CAPTURED)
        for entry in captured:
            data = entry.get_dagster_event().logs_captured_data
            key = [self._run_id, "compute_logs", data.file_key]
            log = self._instance.compute_log_manager.get_log_data(key)
            step = _step_of(entry)
            before = texts.get(step, ("", ""))
            texts[step] = (
                before[0] + self._text(log.stdout),
                before[1] + _without_dagster(self._text(log.stderr)),
            )
        return texts

    def _entry(self, entry: EventLogEntry) -> Entry:
        event = entry.dagster_event
        if event is None:
            return f"LOG {entry.level}", self._scrub(entry.user_message)
        data = self._scrub(pack_value(event.event_specific_data))
        if event.is_step_up_for_retry and "jitter" in str(event.step_key):
            data["seconds_to_wait"] = 0 <= data["seconds_to_wait"] <= 0.1
        return event.event_type_value, (self._scrub(event.message or ""), data)

    def _scrub(self, value: Any) -> Any:
        if isinstance(value, str):
            return self._named(value)
        if isinstance(value, Mapping):
            kept = {self._named(k): self._scrub(v) for k, v in value.items() if k not in _VOLATILE}
            return _without_hashes_of_runs(kept)
        if isinstance(value, (list, tuple)):
            return [self._scrub(one) for one in value]
        return value

    def _named(self, text: str) -> str:
        for found, name in self._names.items():
            text = text.replace(found, name)
        return _TIMES_AND_PIDS.sub("<number>", text)

    def _text(self, data: bytes | None) -> str:
        return self._named((data or b"").decode())


def _of_run(entry: EventLogEntry) -> Entry:
    """Leave out why the run failed: the first of several failed steps, or the executor's words."""
    event = entry.dagster_event
    if event is None or event.asset_key is None:
        return str(entry.dagster_event_type), None
    return event.event_type_value, (event.asset_key.to_user_string(), event.partition)


def _step_of(entry: EventLogEntry) -> str:
    if entry.dagster_event_type is DagsterEventType.LOGS_CAPTURED:
        return (entry.get_dagster_event().logs_captured_data.step_keys or [""])[0]
    return entry.step_key or ""


def _without_hashes_of_runs(fields: dict[str, Any]) -> dict[str, Any]:
    """Leave out what is made from the run's id, which stands in for a missing code version."""
    is_of_run = str(fields.get(_UNVERSIONED)).startswith("<run of")
    return {
        name: value
        for name, value in fields.items()
        if not name.startswith(_POINTER) and not (is_of_run and name.startswith(_BY_VERSION))
    }


def _without_dagster(text: str) -> str:
    """Leave out what Dagster's console logger and its tracebacks say."""
    return "".join(line for line in text.splitlines(True) if line.startswith("to stderr"))
