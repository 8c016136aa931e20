"""The parameters of a search: which keys have which ranges or values, read from text or from Python."""

from __future__ import annotations

import re
import sys
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any, TypeAlias

from optuna.distributions import BaseDistribution, CategoricalDistribution, FloatDistribution, IntDistribution
from optuna.trial import Trial

from modnet.analysis.comparison.plan import ArgumentError
from modnet.config.overrides import parse, split_values, to_toml
from modnet.core.errors import ConfigError
from modnet.core.messages import as_python, short_repr, truncate

__all__ = ["Parameter", "Scalar", "read_parameters"]

Scalar: TypeAlias = str | int | float | bool
"""What Optuna keeps as a value: lists and tables are kept as their TOML."""

_NUMBER = r"[+-]?(?:\d[\d_]*(?:\.\d*)?|\.\d+)(?:[eE][+-]?\d+)?"
_RANGE = re.compile(rf"(?P<log>log:)?(?P<low>{_NUMBER})\.\.(?P<high>{_NUMBER})(?::(?P<step>{_NUMBER}))?")
_ATTEMPT = re.compile(rf"log:.*|{_NUMBER}\.\..*|.*\.\.{_NUMBER}(?::.*)?")
_ALLOWED = "allowed: LOW..HIGH, LOW..HIGH:STEP, log:LOW..HIGH, or values separated by commas"


@dataclass(frozen=True)
class Parameter:
    """A key that is searched.

    Attributes:
        key: The dotted key.
        text: What was asked for, as errors show it.
        distribution: Its range or values, as Optuna draws from them.
        choices: Of values, each one as Optuna keeps it and as TOML; empty for a range.
        is_stepped: Whether a range of integers was given with a step.
    """

    key: str
    text: str
    distribution: BaseDistribution
    choices: tuple[tuple[Scalar, str], ...] = ()
    is_stepped: bool = False

    @property
    def parts(self) -> list[str]:
        """The parts of the key; ``kind`` at its end stands for the component."""
        return self.key.removesuffix(".kind").split(".")

    @property
    def ends(self) -> list[str]:
        """The values that are checked, in TOML: both ends of a range, or all."""
        if self.choices:
            return [toml for _, toml in self.choices]
        return [to_toml(self.distribution.low), to_toml(self.distribution.high)]

    def change(self, toml: str) -> str:
        """Return what sets the key to a value: ``key=value``."""
        return f"{self.key}={toml}"

    def toml(self, kept: Any) -> str:
        """Return a value that Optuna keeps, in TOML."""
        return dict(self.choices)[kept] if self.choices else to_toml(kept)

    def error(self, problem: str) -> ArgumentError:
        """Return the error of this parameter."""
        return ArgumentError(f"{_place(self.key, self.text)}: {problem}")

    def suggest(self, trial: Trial) -> None:
        """Draw its value for a trial."""
        range_ = self.distribution
        if isinstance(range_, IntDistribution):
            trial.suggest_int(self.key, range_.low, range_.high, step=range_.step, log=range_.log)
        elif isinstance(range_, FloatDistribution):
            trial.suggest_float(self.key, range_.low, range_.high, step=range_.step, log=range_.log)
        else:
            trial.suggest_categorical(self.key, [value for value, _ in self.choices])

    def to_dict(self) -> dict[str, Any]:
        """Return what tells it from another one, for the study's record."""
        if self.choices:
            return {"values": [toml for _, toml in self.choices]}
        kind = "integers" if isinstance(self.distribution, IntDistribution) else "floats"
        return {"kind": kind, **{name: getattr(self.distribution, name) for name in ("low", "high", "step", "log")}}


def read_parameters(search: Mapping[str, Any] | Iterable[str]) -> list[Parameter]:
    """Return the parameters of a search: ``KEY=SPEC`` texts, or key → SPEC, a list of values or Optuna's distribution.

    Raises:
        ArgumentError: a range or a list of values cannot be used, or a key is searched twice.
    """
    if isinstance(search, Mapping):
        parameters = [_from_python(str(key), spec) for key, spec in search.items()]
    else:
        parameters = [_from_setting(setting) for setting in ([search] if isinstance(search, str) else search)]
    if not parameters:
        raise ArgumentError("search: is empty; allowed: one or more KEY=RANGE or KEY=VALUES")
    for index, parameter in enumerate(parameters):
        if any(parameter.parts == other.parts for other in parameters[:index]):
            raise parameter.error("the key is searched twice; allowed: all of it in one place")
    return parameters


def _from_setting(setting: str) -> Parameter:
    key, equals, spec = setting.partition("=")
    if not equals:
        raise ArgumentError(f"search {truncate(setting, 200)}: should be KEY=RANGE or KEY=VALUES")
    return _from_text(key, spec)


def _from_text(key: str, spec: str) -> Parameter:
    key, spec = ".".join(part.strip() for part in key.split(".")), spec.strip()
    place = _place(key, spec)
    if not all(key.split(".")):
        raise ArgumentError(f"{place}: should be KEY=RANGE or KEY=VALUES, with a dotted key")
    try:
        texts = [change.partition("=")[2].strip() for change in split_values(f"{key}={spec}")]
    except ConfigError:
        raise ArgumentError(f"{place}: there is no value before or after a comma") from None
    attempts = [text for text in texts if _ATTEMPT.fullmatch("".join(text.split()))]
    if attempts and len(texts) > 1:
        raise ArgumentError(f"{place}: mixes a range with other values; {_ALLOWED}")
    if attempts:
        found = _RANGE.fullmatch("".join(spec.split()))
        if found is None:
            raise ArgumentError(f"{place}: is no range of numbers; {_ALLOWED}")
        numbers = [_number(found[name], place) for name in ("low", "high", "step") if found[name] is not None]
        return _range(key, spec, numbers, log=found["log"] is not None)
    return _choice(key, spec, [parse(text) for text in texts])


def _from_python(key: str, spec: Any) -> Parameter:
    if isinstance(spec, str):
        return _from_text(key, spec)
    text = short_repr(spec)
    if isinstance(spec, IntDistribution | FloatDistribution):
        if spec.low >= spec.high:
            raise ArgumentError(f"{_place(key, text)}: is empty, or a single value; allowed: low < high")
        return Parameter(key, text, spec, is_stepped=True)
    if isinstance(spec, CategoricalDistribution):
        spec = spec.choices
    if not isinstance(spec, Iterable) or isinstance(spec, Mapping):
        allowed = "a range as text, a list of values, or one of Optuna's distributions"
        raise ArgumentError(f"{_place(key, text)}: cannot be searched; allowed: {allowed}")
    return _choice(key, text, [as_python(value) for value in spec])


def _place(key: str, text: str) -> str:
    return f"search {key}={truncate(text, 150)}"


def _number(text: str, place: str) -> int | float:
    value = float(text) if re.search(r"[.eE]", text) else int(text)
    if not abs(value) < (2**53 if isinstance(value, int) else sys.float_info.max):
        raise ArgumentError(f"{place}: {truncate(text)} is too large")
    return value


def _range(key: str, spec: str, numbers: Sequence[int | float], *, log: bool) -> Parameter:
    low, high, *steps = numbers
    problem = None
    if low >= high:
        problem = f"{low} is not below {high}; allowed: LOW < HIGH"
    elif log and low <= 0:
        problem = "a logarithmic range begins above 0"
    elif log and steps:
        problem = "a logarithmic range has no step"
    elif steps and not 0 < steps[0] <= high - low:
        problem = f"the step {steps[0]} should be above 0, and at most {high - low}"
    if problem is not None:
        raise ArgumentError(f"{_place(key, spec)}: {problem}")
    distribution: BaseDistribution
    if all(isinstance(number, int) for number in numbers):
        step = int(steps[0]) if steps else 1
        distribution = IntDistribution(int(low), int(high - (high - low) % step), log, step)
        return Parameter(key, spec, distribution, is_stepped=bool(steps))
    gap = float(steps[0]) if steps else None
    if gap is not None:  # or Optuna would warn of a range that the step does not divide; 0.1 divides 0.3 in decimals
        start, end, each = (Decimal(str(number)) for number in (low, high, gap))
        high = float(end - (end - start) % each)
    return Parameter(key, spec, FloatDistribution(float(low), float(high), log, gap))


def _choice(key: str, spec: str, values: Sequence[Any]) -> Parameter:
    choices: list[tuple[Scalar, str]] = []
    for value in values:
        try:
            toml = to_toml(value)
        except (TypeError, ValueError):
            raise ArgumentError(f"{_place(key, spec)}: {short_repr(value)} is no value of TOML") from None
        kept = value if isinstance(value, str | int | float) else toml
        if any(kept == other for other, _ in choices):
            raise ArgumentError(f"{_place(key, spec)}: {toml} is given twice")
        choices.append((kept, toml))
    if len(choices) < 2:
        raise ArgumentError(f"{_place(key, spec)}: is a single value, which --set sets; {_ALLOWED}")
    return Parameter(key, spec, CategoricalDistribution([kept for kept, _ in choices]), tuple(choices))
