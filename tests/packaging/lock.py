"""Reads the locks in requirements/."""

import re
from dataclasses import dataclass

from packaging.requirements import Requirement

from tests.packaging.checkout import ROOT


@dataclass(frozen=True)
class Locked:
    """One entry of a lock: what to install, on which systems, and the hashes that it may have."""

    requirement: Requirement
    hashes: tuple[str, ...]

    def __str__(self) -> str:
        return " ".join([str(self.requirement), *self.hashes])


def locked(name: str) -> list[Locked]:
    """Return the entries of requirements/<name>.txt in their order."""
    text = (ROOT / "requirements" / f"{name}.txt").read_text()
    text = re.sub(r"^\s*#.*\n", "", text, flags=re.MULTILINE).replace("\\\n", " ")
    entries = [line.split(" --hash=") for line in text.splitlines()]
    return [Locked(Requirement(entry[0]), tuple(each.strip() for each in entry[1:])) for entry in entries]


def lock_for_python(name: str, full_version: str) -> str:
    """Return the lock as that Python alone ("3.11.2") would read it: without markers and what they exclude.

    pip judges markers by the Python that it runs on itself, also when it downloads for another one.
    """
    python = {"python_version": ".".join(full_version.split(".")[:2]), "python_full_version": full_version}
    lines = []
    for package in locked(name):
        marker = package.requirement.marker
        if marker is None or marker.evaluate(python):
            pin = f"{package.requirement.name}{package.requirement.specifier}"
            lines.append(" ".join([pin, *(f"--hash={each}" for each in package.hashes)]))
    return "\n".join(lines) + "\n"
