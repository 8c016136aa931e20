"""A stand-in for the fresh interpreters of the kit, which take the longest."""

from __future__ import annotations


def fake_run(code: str, text: str) -> tuple[str, str]:
    """Return what a fresh interpreter prints for a component without a fault: nothing imported, an equal pickle."""
    return (text if "pickle" in code else ""), ""
