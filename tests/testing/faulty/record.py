"""The faults, in the order of their modules, each with the check that is meant to find it."""

from __future__ import annotations

FAULTS: list[tuple[type, str, str]] = []
"""A class, the check that is meant to find its fault, and words of its message."""


def found_by(check: str, words: str = ""):
    """Record which check is meant to find the fault of a class."""

    def record(cls):
        FAULTS.append((cls, check, words))
        return cls

    return record
