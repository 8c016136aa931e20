"""What the checks found: one result for each check, and the report of all of them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, TypeAlias

__all__ = ["ConformanceError", "FailedError", "NoteError", "Report", "Result", "SkippedError", "Status"]

Status: TypeAlias = Literal["passed", "failed", "expected", "note", "skipped"]
"""How a check ended; ``expected`` is a failure that the author announced with its reason."""


class ConformanceError(AssertionError):
    """A part that does not do what its family asks for; one line for each failure."""


class FailedError(Exception):
    """Raised by a check: the part is wrong; the message says what was expected and what came."""


class NoteError(Exception):
    """Raised by a check: something that an author should know and that is not wrong."""


class SkippedError(Exception):
    """Raised by a check: it could not be made here; the message says why."""


@dataclass(frozen=True)
class Result:
    """How one check of one part ended, over all of its examples.

    Attributes:
        check: The check's name.
        status: ``passed``, ``failed``, ``expected`` (failed, as announced), ``note`` or ``skipped``.
        message: One line: what was expected, where, and what came; empty where the check passed.
    """

    check: str
    status: Status
    message: str = ""

    def __str__(self) -> str:
        return f"{self.check}: {self.message}" if self.message else self.check


@dataclass(frozen=True)
class Report:
    """What the kit found of one part.

    Attributes:
        part: The part as ``family:kind``.
        results: One for each check that was made or skipped, in the order of the table.
        expected: How many checks the part's family has.
    """

    part: str
    results: tuple[Result, ...]
    expected: int

    @property
    def ran(self) -> int:
        """How many checks were made; those that were skipped are not among them."""
        return sum(result.status != "skipped" for result in self.results)

    @property
    def skipped(self) -> int:
        """How many checks could not be made here, each with its reason."""
        return len(self.results) - self.ran

    @property
    def failures(self) -> tuple[str, ...]:
        """One line for each failure: ``family:kind check-name: what, where, value``."""
        lines = [f"{self.part} {result}" for result in self.results if result.status == "failed"]
        if len(self.results) != self.expected:
            made = f"{len(self.results)} checks were made or skipped"
            lines.append(f"{self.part} all-checks: {made}, {self.expected} were expected")
        return tuple(lines)

    @property
    def ok(self) -> bool:
        """Whether no check failed, and none that was expected is missing."""
        return not self.failures

    def raise_for_failures(self) -> None:
        """Do nothing where all is well.

        Raises:
            ConformanceError: with one line for each failure.
        """
        if not self.ok:
            raise ConformanceError("\n".join(self.failures))

    def __str__(self) -> str:
        failed = len(self.failures)
        verdict = "conforms" if self.ok else f"{failed} {'failure' if failed == 1 else 'failures'}"
        counts = f"{self.ran} of {self.expected} checks ran" + (f", {self.skipped} skipped" if self.skipped else "")
        lines = [f"{result.status:<9} {result}" for result in self.results]
        missing = [line for line in self.failures if line.startswith(f"{self.part} all-checks: ")]
        return "\n".join([f"{self.part}: {verdict} ({counts})", *(f"  {line}" for line in [*lines, *missing])])
