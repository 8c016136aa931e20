"""What the kit says, and what it does not let pass: missing checks, expected failures that are none, bad arguments."""

from __future__ import annotations

import subprocess
import sys
import textwrap
from pathlib import Path
from typing import Literal

import pytest
from pydantic import Field
from testing.faulty import WrongDerivative

import modnet
from modnet import Activation
from modnet.components.activations import Sigmoid, Tanh
from modnet.components.layers import Dense
from modnet.core import registry
from modnet.testing import Check, ConformanceError, Report, Result, check_component, checks_of, parametrize_checks
from modnet.testing import subprocess_checks as fresh
from modnet.testing.checks import CHECKS
from modnet.testing.run import CheckRun

REASON = "the derivative is left for later"


@pytest.fixture(autouse=True)
def no_interpreter(monkeypatch):
    """Spare the fresh interpreters: other tests have them."""
    monkeypatch.setattr(fresh, "_run", lambda *given: ([{"again": one} for one in given[2].split()], ""))
    monkeypatch.setattr(fresh, "_imported", lambda _: ({}, ""))


def status_of(report: Report) -> dict[str, str]:
    return {result.check: result.status for result in report.results}


def test_report_of_a_good_part():
    report = check_component(Tanh)
    assert report.ok
    report.raise_for_failures()
    assert (report.part, report.ran, report.expected, report.skipped, report.failures) == (
        "activation:tanh",
        19,
        19,
        0,
        (),
    )
    lines = str(report).splitlines()
    assert lines[0] == "activation:tanh: conforms (19 of 19 checks ran)"
    assert "  passed    derivative" in lines
    assert len(lines) == 20


def test_report_of_a_faulty_part():
    report = check_component(WrongDerivative)
    (failure,) = report.failures
    assert failure.startswith(
        "activation:wrong-derivative derivative: backward against central differences: at [0, 0] "
    )
    assert str(report).startswith("activation:wrong-derivative: 1 failure (19 of 19 checks ran)\n")
    with pytest.raises(ConformanceError) as caught:
        report.raise_for_failures()
    assert isinstance(caught.value, AssertionError)
    assert str(caught.value) == failure


def test_a_failure_names_the_example():
    report = check_component(Dense, [{"units": 2}, {"units": 4}], {"kind-form": REASON})
    assert status_of(report)["kind-form"] == "failed"

    class Sometimes(Sigmoid):
        """The sigmoid, right for a slope of 1."""

        kind: Literal["sometimes"] = "sometimes"
        slope: float = Field(default=1.0, description="what it is multiplied by")

        def backward(self, upstream, z, a):
            return self.slope * super().backward(upstream, z, a)

    report = check_component(Sometimes, [{}, {"slope": 2.0}])
    assert "derivative: Sometimes(slope=2.0): backward against" in report.failures[0]


def test_an_expected_failure_is_none():
    report = check_component(WrongDerivative, expected_failures={"derivative": REASON})
    assert report.ok
    result = next(result for result in report.results if result.check == "derivative")
    assert result.status == "expected"
    assert result.message.startswith(f"{REASON} (backward against central differences")


def test_an_expected_failure_that_passes_is_a_failure():
    report = check_component(Tanh, expected_failures={"derivative": REASON})
    assert report.failures == (f"activation:tanh derivative: passes, but was expected to fail ({REASON}): take it out",)


@pytest.mark.parametrize(
    ("reasons", "words"),
    [
        ({"derivatives": REASON}, "unknown check 'derivatives'; did you mean 'derivative'"),
        (
            {"positive-finite-factor": REASON},
            "unknown check 'positive-finite-factor'; checks of a activation: kind-form",
        ),
        ({"derivative": " "}, "derivative: a reason is needed, as text; got ' '"),
    ],
)
@pytest.mark.parametrize("use", [check_component, parametrize_checks])
def test_unknown_checks_and_missing_reasons_are_refused(use, reasons, words):
    with pytest.raises(ValueError, match="expected_failures: ") as caught:
        use(Tanh, expected_failures=reasons)
    assert words in str(caught.value)


def test_fewer_checks_than_expected_are_a_failure(monkeypatch):
    monkeypatch.setitem(CHECKS, "activation", CHECKS["activation"][:-1])
    report = check_component(Tanh)
    assert not report.ok
    assert report.failures == ("activation:tanh all-checks: 18 checks were made or skipped, 19 were expected",)
    assert report.failures[0] in str(report)
    with pytest.raises(ConformanceError, match="the table has 18 checks, 19 were expected"):
        parametrize_checks(Tanh)


def test_a_check_that_raises_is_a_failure_and_the_others_are_made():
    class Raises(Tanh):
        """tanh z, some day."""

        kind: Literal["raises"] = "raises"

        def backward(self, *_):
            raise KeyError("not\nyet")

    report = check_component(Raises)
    assert status_of(report)["documented"] == "passed"
    derivative = next(result for result in report.results if result.check == "derivative")
    assert "raised KeyError: 'not\\nyet' (test_report.py:" in derivative.message


def test_without_array_api_strict_its_check_is_skipped(monkeypatch):
    monkeypatch.setitem(sys.modules, "array_api_strict", None)
    report = check_component(Tanh)
    assert report.ok
    assert (report.ran, report.skipped, report.expected) == (18, 1, 19)
    assert "18 of 19 checks ran, 1 skipped" in str(report)
    assert "  skipped   array-api: array-api-strict is not installed" in str(report)


@pytest.mark.parametrize("use", [check_component, parametrize_checks])
@pytest.mark.parametrize(
    ("part", "examples", "error", "words"),
    [
        (Dense, None, ValueError, "layer:dense has options without a default (units): give examples, as in examples=["),
        (Dense, [{"units": 0}], ValueError, "examples[0] of layer:dense: units: Input should be greater than 0"),
        (Dense, [Dense(units=1), {"unit": 2}], ValueError, "examples[1] of layer:dense: unit: unknown option"),
        (Dense, {"units": 3}, TypeError, "is no list of parts or of tables with options"),
        (Tanh, [Sigmoid()], TypeError, "is neither a Tanh nor a table with its options"),
        (Tanh(), None, TypeError, "is no class of a part"),
        (int, None, TypeError, "is no class of a part; allowed are subclasses of activation, callback"),
        (Activation, None, TypeError, "Activation sets no kind; write: kind: Literal["),
    ],
)
def test_arguments_that_are_refused(use, part, examples, error, words):
    with pytest.raises(error) as caught:
        use(part, examples)
    assert words in str(caught.value)


def test_a_layer_that_takes_no_usual_shape_says_how_to_name_one():
    class Odd(Dense):
        """Takes samples of (3, 1, 4, 1) and gives their number."""

        kind: Literal["odd"] = "odd"
        units: int = Field(default=2, description="units")

        def output_shape(self, input_shape):
            if input_shape != (7,):
                raise ValueError("takes vectors of 7")
            return super().output_shape(input_shape)

    report = check_component(Odd)
    assert any("takes vectors of 7): name one with input_shape=" in failure for failure in report.failures)
    check_component(Odd, input_shape=(7,)).raise_for_failures()


def test_an_option_of_a_type_that_is_not_there_is_refused():
    class Unreadable(Tanh):
        """tanh z."""

        kind: Literal["unreadable"] = "unreadable"
        slope: Slope = 1.0  # noqa: F821 -- what is tried

    with pytest.raises(TypeError, match="Unreadable has an option whose type 'Slope' is not there"):
        check_component(Unreadable)


def test_the_registry_is_as_before():
    class Mine(Tanh):
        """tanh z, under a name that is taken."""

        kind: Literal["sigmoid"] = "sigmoid"

    before = registry.active()
    known = [(one.component, one.provider) for one in before]
    check_component(Mine).raise_for_failures()
    assert registry.active() is before
    assert [(one.component, one.provider) for one in before] == known
    assert type(Activation.resolve("sigmoid")) is Sigmoid


def test_the_table_says_what_each_check_makes_sure_of():
    checks = {check.name: check for check in checks_of("rule")}
    assert isinstance(checks["descends-a-bowl"], Check)
    assert checks["descends-a-bowl"].about.startswith("at some usual rate")
    assert str(Result("derivative", "passed")) == "derivative"


def test_the_pytest_form_has_a_test_for_each_check():
    mark = parametrize_checks(Dense, [{"units": 2}]).mark
    assert mark.args[0] == "check"
    assert [parameter.id for parameter in mark.args[1]] == [f"layer:dense-{check.name}" for check in checks_of("layer")]
    (run,) = mark.args[1][0].values
    assert isinstance(run, CheckRun)
    run()


TESTS = '''
    """A file of tests, as an author of a part writes it."""

    from typing import Literal

    from modnet.components.activations import Tanh
    from modnet.testing import parametrize_checks
    from testing.faulty import NumpyOnly, WrongDerivative


    @parametrize_checks(Tanh)
    def test_tanh(check):
        check()


    @parametrize_checks(WrongDerivative)
    def test_wrong(check):
        check()


    @parametrize_checks(WrongDerivative, expected_failures={"derivative": "is left for later"})
    def test_later(check):
        check()


    @parametrize_checks(NumpyOnly)
    def test_noted(check):
        check()
'''


def run_python(arguments: list[str], folder: Path) -> str:
    paths = [str(Path(modnet.__file__).parents[1]), str(Path(__file__).parents[1])]
    code = f"import sys; sys.path[:0] = {paths!r}; {arguments[0]}"
    command = [sys.executable, "-c", code, *arguments[1:]]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=120, check=False)
    return done.stdout + done.stderr


def test_the_pytest_form_in_pytest(tmp_path):
    (tmp_path / "test_mine.py").write_text(textwrap.dedent(TESTS))
    start = "import pytest; raise SystemExit(pytest.main(sys.argv[1:]))"
    said = run_python([start, "-v", "-rA", "-p", "no:cacheprovider", "test_mine.py"], tmp_path)
    assert "1 failed" in said
    assert "1 xfailed" in said
    assert f"{4 * 19 - 2} passed" in said
    assert "test_mine.py::test_tanh[activation:tanh-derivative] PASSED" in said
    assert "test_mine.py::test_wrong[activation:wrong-derivative-derivative] FAILED" in said
    assert "ConformanceError: activation:wrong-derivative derivative: backward against" in said
    assert "test_mine.py::test_later[activation:wrong-derivative-derivative] XFAIL" in said
    assert "note: activation:numpy-only array-api: " in said


def test_the_kit_needs_neither_pytest_nor_array_api_strict(tmp_path):
    code = (
        "import modnet.testing as kit; from modnet.components.update_rules import Adam; report = kit.check_component(Adam); "
        "print(report.ok, sorted({'pytest', 'hypothesis'} & set(sys.modules)))"
    )
    assert run_python([code], tmp_path) == "True []\n"
