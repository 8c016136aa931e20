"""Reports, expected failures, arguments that are refused, and the kit's use in pytest."""

from __future__ import annotations

import subprocess
import sys
import textwrap
from pathlib import Path
from typing import Literal

import pytest
from pydantic import Field
from testing.faulty.functions import WrongDerivative
from testing.interpreter import fake_run

import modnet
from modnet import Activation
from modnet.components.activations import Sigmoid, Tanh
from modnet.components.layers import Dense
from modnet.core import registry
from modnet.testing import (
    Check,
    ConformanceError,
    Report,
    Result,
    check_component,
    checks_of,
    parametrize_checks,
    subprocess_checks,
)

REASON = "the derivative is not implemented yet"


@pytest.fixture(autouse=True)
def no_interpreter(monkeypatch):
    """Spare the fresh interpreters: other tests start them."""
    monkeypatch.setattr(subprocess_checks, "_run", fake_run)


def status_of(report: Report) -> dict[str, str]:
    return {result.check: result.status for result in report.results}


def test_report_of_a_good_component():
    report = check_component(Tanh)
    assert report.ok
    report.raise_for_failures()
    assert (report.component, report.ran, len(report.results), report.failures) == ("activation:tanh", 22, 22, ())
    lines = str(report).splitlines()
    assert lines[0] == "activation:tanh: conforms (22 of 22 checks ran)"
    assert "  passed    derivative" in lines
    assert len(lines) == 23


def test_report_of_a_faulty_component():
    report = check_component(WrongDerivative)
    (failure,) = report.failures
    assert failure.startswith(
        "activation:wrong-derivative derivative: backward: gradient of z against central differences: at [0, 0] "
    )
    assert str(report).startswith("activation:wrong-derivative: 1 failure (22 of 22 checks ran)\n")
    with pytest.raises(ConformanceError) as caught:
        report.raise_for_failures()
    assert isinstance(caught.value, AssertionError)
    assert str(caught.value) == failure


def test_a_failure_names_the_example():
    report = check_component(Dense, [{"units": 2}, {"units": 4}], {"kind-format": REASON})
    assert status_of(report)["kind-format"] == "failed"

    class Sometimes(Sigmoid):
        """The sigmoid, right for a slope of 1."""

        kind: Literal["sometimes"] = "sometimes"
        slope: float = Field(default=1.0, description="what it is multiplied by")

        def backward(self, upstream, z, a):
            return self.slope * super().backward(upstream, z, a)

    report = check_component(Sometimes, [{}, {"slope": 2.0}])
    assert "derivative: Sometimes(slope=2.0): backward: gradient of z against" in report.failures[0]


def test_an_expected_failure_is_not_a_failure():
    report = check_component(WrongDerivative, expected_failures={"derivative": REASON})
    assert report.ok
    result = next(result for result in report.results if result.check == "derivative")
    assert result.status == "xfail"
    assert result.message.startswith(f"{REASON} (backward: gradient of z against central differences")


def test_an_expected_failure_that_passes_is_a_failure():
    report = check_component(Tanh, expected_failures={"derivative": REASON})
    message = f"passes, but was expected to fail ({REASON}): remove the expectation"
    assert report.failures == (f"activation:tanh derivative: {message}",)


@pytest.mark.parametrize(
    ("reasons", "words"),
    [
        ({"derivatives": REASON}, "unknown check 'derivatives'; did you mean 'derivative'"),
        (
            {"positive-finite-factor": REASON},
            "unknown check 'positive-finite-factor'; checks of the family activation: kind-format",
        ),
        ({"derivative": " "}, "derivative: a reason is required, as text; got ' '"),
    ],
)
@pytest.mark.parametrize("use", [check_component, parametrize_checks])
def test_unknown_checks_and_missing_reasons_are_refused(use, reasons, words):
    with pytest.raises(ValueError, match="expected_failures: ") as caught:
        use(Tanh, expected_failures=reasons)
    assert words in str(caught.value)


def test_a_check_that_raises_is_a_failure_and_the_others_are_made():
    class Raises(Tanh):
        """tanh z, without a derivative."""

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
    assert (report.ran, len(report.results)) == (21, 22)
    assert "21 of 22 checks ran, 1 skipped" in str(report)
    assert "  skipped   array-api: array-api-strict is not installed" in str(report)


class Half(Activation):
    """z, without a derivative."""

    kind: Literal["half"] = "half"

    def __call__(self, z):
        return z


@pytest.mark.parametrize("use", [check_component, parametrize_checks])
@pytest.mark.parametrize(
    ("cls", "examples", "error", "words"),
    [
        (Dense, None, ValueError, "layer:dense has options without a default (units): pass examples, as in examples=["),
        (Dense, [{"units": 0}], ValueError, "examples[0] of layer:dense: units: Input should be greater than 0"),
        (Dense, [Dense(units=1), {"unit": 2}], ValueError, "examples[1] of layer:dense: unit: unknown option"),
        (
            Dense,
            {"units": 3},
            ValueError,
            "examples[0] of layer:dense: the example: Input should be a valid dictionary",
        ),
        (Tanh, [Sigmoid()], ValueError, "the example: Input should be a valid dictionary or instance of Tanh"),
        (Tanh(), None, TypeError, "is not a component class"),
        (int, None, TypeError, "is not a component class; allowed: subclasses of activation, callback"),
        (Half, None, TypeError, "Half has no backward, which every activation must have"),
        (Activation, None, TypeError, "Activation sets no kind; write: kind: Literal["),
    ],
)
def test_arguments_that_are_refused(use, cls, examples, error, words):
    with pytest.raises(error) as caught:
        use(cls, examples)
    assert words in str(caught.value)


def test_a_layer_that_takes_no_usual_shape_says_how_to_pass_one():
    class Odd(Dense):
        """Dense, for vectors of 7 entries only."""

        kind: Literal["odd"] = "odd"
        units: int = Field(default=2, description="units")

        def output_shape(self, input_shape):
            if input_shape != (7,):
                raise ValueError("takes vectors of 7")
            return super().output_shape(input_shape)

    report = check_component(Odd)
    assert any("takes vectors of 7): pass input_shape=" in failure for failure in report.failures)
    check_component(Odd, input_shape=(7,)).raise_for_failures()


def test_an_option_of_an_undefined_type_is_refused():
    class Unreadable(Tanh):
        """tanh z."""

        kind: Literal["unreadable"] = "unreadable"
        slope: Slope = 1.0  # noqa: F821 -- what is tested

    with pytest.raises(TypeError, match="Unreadable has an option whose type 'Slope' is not defined"):
        check_component(Unreadable)


def test_the_registry_is_as_before():
    class Mine(Tanh):
        """tanh z, under the name of another activation."""

        kind: Literal["sigmoid"] = "sigmoid"

    before = registry.active()
    registered = list(before)
    check_component(Mine).raise_for_failures()
    assert registry.active() is before
    assert list(before) == registered
    assert type(Activation.resolve("sigmoid")) is Sigmoid


def test_the_table_says_what_each_check_makes_sure_of():
    checks = {check.name: check for check in checks_of("rule")}
    assert isinstance(checks["minimizes-quadratic"], Check)
    assert checks["minimizes-quadratic"].about.startswith("½(θ₀² + 10 θ₁²) falls")
    assert str(Result("derivative", "passed")) == "derivative"


def test_the_pytest_form_has_a_test_for_each_check():
    mark = parametrize_checks(Dense, [{"units": 2}]).mark
    assert mark.args[0] == "check"
    assert [parameter.id for parameter in mark.args[1]] == [f"layer:dense-{check.name}" for check in checks_of("layer")]
    (check,) = mark.args[1][0].values
    check()


TESTS = '''
    """A test module, as the author of a component writes it."""

    from typing import Literal

    from modnet.components.activations import Tanh
    from modnet.testing import parametrize_checks
    from testing.faulty.functions import WrongDerivative
    from testing.faulty.unusual import NumpyOnly


    @parametrize_checks(Tanh)
    def test_tanh(check):
        check()


    @parametrize_checks(WrongDerivative)
    def test_wrong(check):
        check()


    @parametrize_checks(WrongDerivative, expected_failures={"derivative": "not implemented yet"})
    def test_expected(check):
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
    output = run_python(
        [start, "-v", "-rA", "-p", "no:cacheprovider", "-p", "testing.interpreter", "test_mine.py"], tmp_path
    )
    assert "1 failed" in output
    assert "1 xfailed" in output
    assert f"{4 * 22 - 2} passed" in output
    assert "test_mine.py::test_tanh[activation:tanh-derivative] PASSED" in output
    assert "test_mine.py::test_wrong[activation:wrong-derivative-derivative] FAILED" in output
    assert "ConformanceError: activation:wrong-derivative derivative: backward: gradient of z against" in output
    assert "test_mine.py::test_expected[activation:wrong-derivative-derivative] XFAIL" in output
    assert "note: activation:numpy-only array-api: " in output


def test_the_kit_needs_neither_pytest_nor_array_api_strict(tmp_path):
    code = (
        "from modnet.components.update_rules import Adam; from modnet.testing import check_component; "
        "report = check_component(Adam); "
        "print(report.ok, sorted({'pytest', 'hypothesis'} & set(sys.modules)))"
    )
    assert run_python([code], tmp_path) == "True []\n"
