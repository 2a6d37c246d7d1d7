"""Checks the files that a step says its output goes to, before anything looks at them.

User code can send any path. The host and the worker look at regular files below the folder of the
compute logs only, and the host derives that folder from the instance's configuration.
"""

from __future__ import annotations

import importlib
import os
import stat
import tempfile
from collections.abc import Mapping
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from dagster import DagsterInstance

_LONGEST_PATH = 4096


def compute_log_folder(instance: DagsterInstance) -> str | None:
    """Return the real path of the folder that output is captured in.

    None: the instance captures none, or its configuration does not say where. Builds no compute log
    manager, because those of the clouds connect, or start threads, which a fork would break.
    """
    from dagster_taskiq.dagster_internals.host import process_config, resolve_to_config_type

    data = instance.get_ref().compute_logs_data
    try:
        manager = getattr(importlib.import_module(data.module_name), data.class_name)
        config = process_config(resolve_to_config_type(manager.config_type()), data.config_dict)
    except Exception:  # noqa: BLE001 - the first step that captures says what is wrong with it
        return None
    values = config.value if config.success and isinstance(config.value, Mapping) else {}
    # The local manager's own option; those of the clouds capture in a local folder first, which is
    # the machine's temporary one unless `local_dir` names another.
    folder = values.get("base_dir") or values.get("local_dir") or tempfile.gettempdir()
    return os.path.realpath(folder) if isinstance(folder, str) else None


def path_below(folder: str | None, path: object) -> str | None:
    """Return the real path of `path`, or None where it does not lead below `folder`."""
    if folder is None or not isinstance(path, str) or len(path) > _LONGEST_PATH:
        return None
    try:
        real = os.path.realpath(path)
        below = os.path.commonpath([folder, real]) == folder != real
    except (OSError, ValueError):  # ValueError: a NUL, or half of a surrogate pair
        return None
    return real if below else None


def size_of(path: str) -> int:
    """Return the size of a regular file. Devices and links count as 0."""
    try:
        status = os.lstat(path)
    except (OSError, ValueError):
        return 0
    return status.st_size if stat.S_ISREG(status.st_mode) else 0
