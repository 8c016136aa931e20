"""Running the checks: all at once into a report, or one by one as tests of pytest."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from modnet.core.component import Component
from modnet.core.messages import did_you_mean
from modnet.testing.case import Case, Example, make_cases, temporarily_registered, title_of, validate_class
from modnet.testing.checks import EXPECTED, Check, checks_of
from modnet.testing.report import ConformanceError, FailedError, NoteError, Report, Result, SkippedError

if TYPE_CHECKING:
    import pytest

__all__ = ["CheckRun", "check_component", "parametrize_checks"]

_LONGEST = 400
"""How many characters of a message are kept."""


def check_component(
    cls: type[Component],
    examples: Sequence[Example] | None = None,
    expected_failures: Mapping[str, str] | None = None,
    *,
    input_shape: tuple[int, ...] | None = None,
) -> Report:
    """Make every check of the part's family, and return what they found.

    Args:
        cls: The class of the part; it need not be installed as a plug-in.
        examples: Parts of this class, or tables with their options; every check is made on each of them. None is the
            part with its defaults, where it has no option without one.
        expected_failures: Check → the reason why this part does not pass it; one that passes is a failure.
        input_shape: For layers: the shape of one sample. Without it usual shapes are tried until the layer takes one.

    Raises:
        TypeError: ``cls`` is no class of a part, or an example is none of its instances.
        ValueError: examples are needed, an example is refused, or ``expected_failures`` names an unknown check.
    """
    validate_class(cls)
    checks = checks_of(cls.family)
    with temporarily_registered(cls):
        cases = make_cases(cls, examples, input_shape)
        reasons = _reasons(cls, checks, expected_failures)
        results = tuple(_result(check, cases, reasons.get(check.name)) for check in checks)
    return Report(title_of(cls), results, EXPECTED[cls.family])


def parametrize_checks(
    cls: type[Component],
    examples: Sequence[Example] | None = None,
    expected_failures: Mapping[str, str] | None = None,
    *,
    input_shape: tuple[int, ...] | None = None,
) -> pytest.MarkDecorator:
    """Return a mark that makes a test of each check, by name; the test calls its one argument, ``check``.

    An expected failure is reported as one (xfail), a check that cannot be made here is skipped, and a note is
    printed. The arguments and what they raise are those of `check_component`.

    Raises:
        ConformanceError: the table has not as many checks for the family as it should have.
    """
    import pytest  # the rest of the kit does without it

    validate_class(cls)
    with temporarily_registered(cls):
        cases = make_cases(cls, examples, input_shape)
    checks = checks_of(cls.family)
    if len(checks) != EXPECTED[cls.family]:
        raise ConformanceError(
            f"{title_of(cls)} all-checks: the table has {len(checks)} checks, {EXPECTED[cls.family]} were expected"
        )
    reasons = _reasons(cls, checks, expected_failures)
    runs = [CheckRun(check, cases, reasons.get(check.name)) for check in checks]
    return pytest.mark.parametrize("check", [pytest.param(run, id=f"{title_of(cls)}-{run.check.name}") for run in runs])


@dataclass(frozen=True)
class CheckRun:
    """One check of one part, as a test of pytest calls it."""

    check: Check
    cases: tuple[Case, ...] = field(repr=False)
    reason: str | None = None

    def __call__(self) -> None:
        """Make the check.

        Raises:
            ConformanceError: the part does not pass it.
        """
        import pytest

        cls = self.cases[0].cls
        with temporarily_registered(cls):
            result = _result(self.check, self.cases, self.reason)
        if result.status == "failed":
            raise ConformanceError(f"{title_of(cls)} {result}")
        if result.status == "expected":
            pytest.xfail(str(result))
        if result.status == "skipped":
            pytest.skip(str(result))
        if result.status == "note":
            print(f"note: {title_of(cls)} {result}")


def _reasons(
    cls: type[Component], checks: Sequence[Check], expected_failures: Mapping[str, str] | None
) -> dict[str, str]:
    names = [check.name for check in checks]
    for name, reason in (expected_failures or {}).items():
        if name not in names:
            hint = did_you_mean(name, names) or f"; checks of a {cls.family}: {', '.join(names)}"
            raise ValueError(f"expected_failures: unknown check '{name}'{hint}")
        if not isinstance(reason, str) or not reason.strip():
            raise ValueError(f"expected_failures: {name}: a reason is needed, as text; got {reason!r}")
    return dict(expected_failures or {})


def _result(check: Check, cases: Sequence[Case], reason: str | None) -> Result:
    """Return how a check ended: on the first example that fails it, or else with all that was noted."""
    asides: list[Result] = []
    for case in cases[:1] if check.once else cases:
        found = _one(check, case, several=len(cases) > 1 and not check.once)
        if found.status == "failed":
            if reason is None:
                return found
            return Result(check.name, "expected", _line(f"{reason} ({found.message})"))
        if found.status != "passed":
            asides.append(found)
    if asides and all(aside.status == "skipped" for aside in asides):
        return asides[0]
    notes = [aside for aside in asides if aside.status == "note"]
    if reason is None:
        return notes[0] if notes else Result(check.name, "passed")
    if notes:
        return Result(check.name, "expected", _line(f"{reason} ({notes[0].message})"))
    return Result(check.name, "failed", f"passes, but was expected to fail ({reason}): take it out")


def _one(check: Check, case: Case, several: bool) -> Result:
    where = f"{case.title}: " if several else ""
    try:
        check.function(case)
    except FailedError as error:
        return Result(check.name, "failed", _line(f"{where}{error}"))
    except NoteError as error:
        return Result(check.name, "note", _line(f"{where}{error}"))
    except SkippedError as error:
        return Result(check.name, "skipped", _line(f"{where}{error}"))
    except Exception as error:  # whatever a stranger's part raises, the other checks are made
        return Result(check.name, "failed", _line(f"{where}raised {type(error).__name__}: {error}{_place(error)}"))
    return Result(check.name, "passed")


def _place(error: BaseException) -> str:
    """Return the file and line that an error came from."""
    trace = error.__traceback__
    while trace is not None and trace.tb_next is not None:
        trace = trace.tb_next
    if trace is None:
        return ""
    code = trace.tb_frame.f_code
    return f" ({code.co_filename.replace(chr(92), '/').rpartition('/')[2]}:{trace.tb_lineno} in {code.co_name})"


def _line(text: str) -> str:
    line = " ".join(text.split())
    return line if len(line) <= _LONGEST else f"{line[: _LONGEST - 1]}…"
