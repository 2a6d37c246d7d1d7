"""The state of a process, a link, a location or an assignment has one writer: its own class."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import dagster_taskiq.host

HOST = Path(dagster_taskiq.host.__file__).parent
ROOMS = ("wire", "supervise", "recorder", "location", "base")


def foreign_writes(source: str) -> Iterator[str]:
    """Yield the attributes that code assigns or deletes on objects other than `self`."""
    for node in ast.walk(ast.parse(source)):
        if not isinstance(node, ast.Attribute) or isinstance(node.ctx, ast.Load):
            continue
        if not (isinstance(node.value, ast.Name) and node.value.id == "self"):
            yield ast.unparse(node)


def test_only_methods_write_the_fields_of_their_object():
    found = {
        str(file.relative_to(HOST)): written
        for room in ROOMS
        for file in sorted((HOST / room).glob("*.py"))
        if (written := list(foreign_writes(file.read_text())))
    }
    assert found == {}


def test_a_write_from_outside_is_found_in_each_form():
    source = "guard.process.status = 1\nlink.is_ready, self.done = True, True\norder.tries += 1"
    assert sorted(foreign_writes(source)) == [
        "guard.process.status",
        "link.is_ready",
        "order.tries",
    ]
