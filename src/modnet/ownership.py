"""Whose a part is, and which plug-ins are installed and give none."""

from __future__ import annotations

import re
from dataclasses import dataclass

__all__ = ["Provider", "UnavailablePlugin", "canonical"]


def canonical(distribution: str) -> str:
    """Return a distribution's name in the form in which names are compared: lower case, single hyphens."""
    return re.sub(r"[-_.]+", "-", distribution).lower()


@dataclass(frozen=True)
class Provider:
    """The distribution that gave a part; its name is kept in its canonical form."""

    distribution: str
    version: str
    builtin: bool = False

    def __post_init__(self) -> None:
        object.__setattr__(self, "distribution", canonical(self.distribution))

    def __str__(self) -> str:
        return f"{self.distribution} {self.version}"


@dataclass(frozen=True)
class UnavailablePlugin:
    """A plug-in, or one entry point of it, that is installed and gives nothing.

    Attributes:
        owner: Whose it is.
        reason: Why: what went wrong, or by what it is disabled.
        disabled: Whether somebody wanted it so.
        parts: Family and kind of what it would have given, as far as that is known.
        complete: Whether that is all that it would have given.
    """

    owner: Provider
    reason: str
    disabled: bool = False
    parts: frozenset[tuple[str, str]] = frozenset()
    complete: bool = False

    def __str__(self) -> str:
        return f"{self.owner} {self.fate}"

    @property
    def fate(self) -> str:
        """What became of it, and why."""
        return f"{'is disabled by' if self.disabled else 'was set aside:'} {self.reason}"
