"""Running the checks: all of them into a report, or one by one as tests of pytest."""

from __future__ import annotations

import traceback
from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import PurePath
from typing import TYPE_CHECKING, TypeAlias

from modnet.core.component import Component
from modnet.core.messages import did_you_mean
from modnet.testing.case import (
    TOLERANCE,
    Case,
    Example,
    full_name,
    make_cases,
    temporarily_registered,
    validate_class,
)
from modnet.testing.checks import Check, checks_of
from modnet.testing.report import (
    ConformanceError,
    FailedError,
    NoteError,
    RefusedError,
    Report,
    Result,
    SkippedError,
    Status,
)

if TYPE_CHECKING:
    import pytest

__all__ = ["check_component", "parametrize_checks"]

Examples: TypeAlias = Sequence[Example] | None
Reasons: TypeAlias = Mapping[str, str] | None
Shape: TypeAlias = tuple[int, ...] | None
CheckRun: TypeAlias = tuple[Check, tuple[Case, ...], str | None]

LONGEST = 400  # how many characters of a message are kept
SEVERITY = (
    "passed",
    "skipped",
    "refused",
    "note",
    "failed",
)  # the most severe outcome of the examples is that of the check


def check_component(
    cls: type[Component],
    examples: Examples = None,
    expected_failures: Reasons = None,
    *,
    input_shape: Shape = None,
    tolerance: float = TOLERANCE,
) -> Report:
    """Run every check of the component's family, and return the results.

    Args:
        cls: The class of the component; it need not be installed as a plug-in.
        examples: Instances of this class, or tables of their options; every check runs on each of them. If None, the
            component is checked with its defaults.
        expected_failures: Check → the reason why this component does not pass it; if it passes, that is a failure.
        input_shape: For layers: the shape of one sample. If None, usual shapes are tried until the layer accepts one.
        tolerance: For engines: how far θ may be from the NumPy engine's after 50 updates in float64, relative to its
            largest number; more than the default is for engines that do not compute gradients exactly.

    Raises:
        TypeError: ``cls`` is not the class of a component.
        ValueError: examples are needed, an example is refused, or ``expected_failures`` names an unknown check.
    """
    runs = _check_runs(cls, examples, expected_failures, input_shape, tolerance)
    return Report(full_name(cls), tuple(_run(*run) for run in runs))


def parametrize_checks(
    cls: type[Component],
    examples: Examples = None,
    expected_failures: Reasons = None,
    *,
    input_shape: Shape = None,
    tolerance: float = TOLERANCE,
) -> pytest.MarkDecorator:
    """Return a mark that turns a test into one test per check; the test calls its only argument, ``check``.

    An expected failure is reported as xfailed, a check that cannot be run here as skipped; a note, and what an engine
    refuses, is printed. The arguments and the errors are those of `check_component`.
    """
    import pytest  # the rest of the kit does not need it

    runs = _check_runs(cls, examples, expected_failures, input_shape, tolerance)
    tests = [pytest.param(partial(_test, *run), id=f"{full_name(cls)}-{run[0].name}") for run in runs]
    return pytest.mark.parametrize("check", tests)


def _check_runs(
    cls: type[Component], examples: Examples, expected_failures: Reasons, shape: Shape, tolerance: float
) -> list[CheckRun]:
    validate_class(cls)
    with temporarily_registered(cls):
        cases = make_cases(cls, examples, shape, tolerance)
    checks, reasons = checks_of(cls.family), dict(expected_failures or {})
    names = [check.name for check in checks]
    for name, reason in reasons.items():
        if name not in names:
            hint = did_you_mean(name, names) or f"; checks of the family {cls.family}: {', '.join(names)}"
            raise ValueError(f"expected_failures: unknown check '{name}'{hint}")
        if not isinstance(reason, str) or not reason.strip():
            raise ValueError(f"expected_failures: {name}: a reason is required, as text; got {reason!r}")
    return [(check, cases, reasons.get(check.name)) for check in checks]


def _test(check: Check, cases: tuple[Case, ...], reason: str | None) -> None:
    """Run a check as a test of pytest."""
    import pytest

    result = _run(check, cases, reason)
    if result.status == "failed":
        raise ConformanceError(f"{full_name(cases[0].cls)} {result}")
    if result.status == "xfail":
        pytest.xfail(str(result))
    if result.status == "skipped":
        pytest.skip(str(result))
    if result.status in ("note", "refused"):
        print(f"{result.status}: {full_name(cases[0].cls)} {result}")


def _run(check: Check, cases: tuple[Case, ...], reason: str | None) -> Result:
    """Run a check on every example, and return the most severe outcome."""
    with temporarily_registered(cases[0].cls):
        outcomes = [_run_on(check, case) for case in (cases[:1] if check.once else cases)]
    status, message = max(outcomes, key=lambda outcome: SEVERITY.index(outcome[0]))
    if reason is not None and status == "passed":
        status, message = "failed", f"passes, but was expected to fail ({reason}): remove the expectation"
    elif reason is not None and status != "skipped":
        status, message = "xfail", f"{reason} ({message})"
    line = " ".join(message.split())
    return Result(check.name, status, line if len(line) <= LONGEST else f"{line[: LONGEST - 1]}…")


def _run_on(check: Check, case: Case) -> tuple[Status, str]:
    example = f"{case.title}: " if len(case.examples) > 1 and not check.once else ""
    try:
        check.function(case)
    except (FailedError, NoteError, RefusedError, SkippedError) as outcome:
        return outcome.status, f"{example}{outcome}"
    except Exception as error:  # whatever a component raises, the other checks run
        place = traceback.extract_tb(error.__traceback__)[-1]
        where = f"{PurePath(place.filename).name}:{place.lineno} in {place.name}"
        return "failed", f"{example}raised {type(error).__name__}: {error} ({where})"
    return "passed", ""
