"""What the package makes its users install comes under licences that ask for no copyleft."""

from __future__ import annotations

import re
from importlib.metadata import Distribution, distribution

from packaging.requirements import Requirement

ALLOWED = re.compile(
    r"Apache|BSD|MIT|PSF|Python Software Foundation|ISC|Unlicense|Zero", re.IGNORECASE
)
# File by file, and these are used as they are.
WEAK = {"certifi": "MPL-2.0", "tqdm": "MPL-2.0 AND MIT"}
FORBIDDEN = re.compile(r"GPL|SSPL|Commons Clause|Business Source|Proprietary", re.IGNORECASE)


def _closure() -> dict[str, Distribution]:
    found: dict[str, Distribution] = {}
    left = ["dagster-taskiq"]
    while left:
        name = re.sub(r"[-_.]+", "-", left.pop()).lower()
        if name in found:
            continue
        found[name] = distribution(name)
        for line in found[name].requires or []:
            requirement = Requirement(line)
            if requirement.marker is None or requirement.marker.evaluate({"extra": ""}):
                left.append(requirement.name)
    return found


def _named(dist: Distribution) -> str:
    metadata = dist.metadata
    classifiers = [c for c in metadata.get_all("Classifier") or [] if c.startswith("License")]
    # Some put the whole text where the name belongs.
    license_field = (metadata.get("License") or "").partition("\n")[0]
    return " / ".join([metadata.get("License-Expression") or license_field, *classifiers])


def test_every_requirement_is_permissive() -> None:
    closure = _closure()
    assert {"dagster", "boto3", "sqlalchemy"} <= closure.keys()
    faults = {
        name: named
        for name, named in ((name, _named(dist)) for name, dist in closure.items())
        if (FORBIDDEN.search(named) or not ALLOWED.search(named)) and WEAK.get(name) is None
    }
    assert not faults
    for name in WEAK.keys() & closure.keys():
        assert _named(closure[name]).partition(" / ")[0] == WEAK[name]
