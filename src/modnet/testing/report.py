"""The outcome of the checks: one result per check, and the report of all of them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, Literal, TypeAlias

__all__ = [
    "ConformanceError",
    "FailedError",
    "NoteError",
    "RefusedError",
    "Report",
    "Result",
    "SkippedError",
    "Status",
    "require",
]

Status: TypeAlias = Literal["passed", "failed", "xfail", "note", "refused", "skipped"]
"""The outcome of a check; ``xfail`` is a failure that the author announced, with a reason."""


class ConformanceError(AssertionError):
    """A component does not conform to its family; one line per failure."""


class FailedError(Exception):
    """Raised by a check: the component is wrong; the message says what was expected and what came instead."""

    status: ClassVar[Status] = "failed"


class NoteError(Exception):
    """Raised by a check: the component is unusual in a way that its author should know of, but not wrong."""

    status: ClassVar[Status] = "note"


class RefusedError(Exception):
    """Raised by a check: an engine says that it cannot do it; the message holds its words."""

    status: ClassVar[Status] = "refused"


class SkippedError(Exception):
    """Raised by a check: it cannot be run here; the message says why."""

    status: ClassVar[Status] = "skipped"


def require(condition: object, message: str) -> None:
    """Raise a `FailedError` with this message unless the condition is true."""
    if not condition:
        raise FailedError(message)


@dataclass(frozen=True)
class Result:
    """The outcome of one check of one component, over all of its examples.

    Attributes:
        check: The name of the check.
        status: ``passed``, ``failed``, ``xfail`` (failed, as announced), ``note``, ``refused`` or ``skipped``.
        message: One line that says what was expected, where, and what came instead; empty if the check passed.
    """

    check: str
    status: Status
    message: str = ""

    def __str__(self) -> str:
        return f"{self.check}: {self.message}" if self.message else self.check


@dataclass(frozen=True)
class Report:
    """The results of all checks of one component.

    Attributes:
        component: The component as ``family:kind``.
        results: One result per check of the family, in the order of the table.
    """

    component: str
    results: tuple[Result, ...]

    @property
    def ran(self) -> int:
        """The number of checks that were run; the others were skipped."""
        return sum(result.status != "skipped" for result in self.results)

    @property
    def failures(self) -> tuple[str, ...]:
        """One line per failure: ``family:kind check-name: what, where, value``."""
        return tuple(f"{self.component} {result}" for result in self.results if result.status == "failed")

    @property
    def ok(self) -> bool:
        """Whether no check failed."""
        return not self.failures

    def raise_for_failures(self) -> None:
        """Raise a `ConformanceError` with one line per failure, if there are any."""
        if not self.ok:
            raise ConformanceError("\n".join(self.failures))

    def __str__(self) -> str:
        failed, skipped = len(self.failures), len(self.results) - self.ran
        refused = sum(result.status == "refused" for result in self.results)
        verdict = "conforms" if self.ok else f"{failed} {'failure' if failed == 1 else 'failures'}"
        counts = f"{self.ran} of {len(self.results)} checks ran" + (f", {skipped} skipped" if skipped else "")
        counts += f", {refused} refused in part or whole" if refused else ""
        lines = [f"  {result.status:<9} {result}" for result in self.results]
        return "\n".join([f"{self.component}: {verdict} ({counts})", *lines])
