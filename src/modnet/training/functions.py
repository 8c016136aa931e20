"""Plain Python functions as callbacks and metrics of one training; they are no part of its configuration."""

from __future__ import annotations

import functools
import inspect
import math
from collections.abc import Callable, Iterable, Mapping
from numbers import Real
from typing import Any, ClassVar, Literal, Self, TypeAlias

from pydantic import PrivateAttr

from modnet.core.errors import ConfigError
from modnet.core.interfaces import Callback, Metric, TrainingView
from modnet.core.messages import short_repr
from modnet.core.plugins.hookspecs import hookimpl
from modnet.network.network import Network, Vector
from modnet.training.setup import Setup

__all__ = ["CallbackFunction", "MetricFunction", "add_metrics", "as_listener"]

CallbackFunction: TypeAlias = Callable[[TrainingView, dict[str, Any]], object]
"""Called after every epoch with the training and the epoch's row of the history."""
MetricFunction: TypeAlias = Callable[..., float | Mapping[str, float]]
"""Called with targets and predictions of all samples of a part, and with ``sample_weight`` where it takes that."""

LOWER_IS_BETTER = ("error", "loss", "deviance")
"""The last words of the names of scikit-learn's functions whose values should be low."""


class _EpochEnd:
    """The listener of a function."""

    def __init__(self, function: CallbackFunction) -> None:
        self._function = function

    @hookimpl
    def modnet_epoch_end(self, training: TrainingView, row: dict[str, Any]) -> None:
        self._function(training, row)


def as_listener(callback: object) -> tuple[str, object]:
    """Return the name of a callback that was given to a training, and its listener.

    Args:
        callback: A `modnet.Callback`, an object with hooks, or a function ``f(training, row)``.

    Raises:
        ConfigError: it is none of these.
    """
    if isinstance(callback, Callback):
        return callback.kind, callback.listener()
    if not isinstance(callback, type):
        if any(_is_hook(callback, name) for name in dir(callback)):
            return type(callback).__name__, callback
        if callable(callback):
            return _name_of(callback), _EpochEnd(callback)
    allowed = "a function f(training, row), a modnet.Callback, an object with hooks"
    raise ConfigError(f"callbacks: {short_repr(callback)} is no callback; allowed: {allowed}")


def _is_hook(owner: object, name: str) -> bool:
    return name.startswith("modnet_") and hasattr(getattr(owner, name), "modnet_impl")


class _FunctionMetric(Metric):
    """The metric of a function."""

    kind: Literal["function"] = "function"
    needs_all_outputs: ClassVar[bool] = True
    _function: MetricFunction = PrivateAttr()
    _name: str = PrivateAttr()
    _network: Network = PrivateAttr()

    @classmethod
    def of(cls, function: MetricFunction, name: str, network: Network) -> Self:
        """Return the metric of a function, whose name it has in the history."""
        metric = cls(kind="function")
        metric._function, metric._name, metric._network = function, name, network
        return metric

    @property
    def label(self) -> str:
        """The function's name."""
        return self._name

    def partial(self, a: Vector, y: Vector, weights: Vector | None) -> Any:
        """Return what the function returns for labels, or for numbers in one column or more."""
        targets, predictions = (self._as_user_sees(values) for values in (y, a))
        options = {"sample_weight": weights} if weights is not None and _takes_weights(self._function) else {}
        try:
            return self._function(targets, predictions, **options)
        except Exception as error:  # whatever it raises is passed on, with a note
            error.add_note(f"raised by the metric {self._name}")
            raise

    def value(self, total: Any) -> float | dict[str, float]:
        """Return the number, or the numbers by name."""
        if isinstance(total, Mapping) and all(isinstance(name, str) for name in total):
            return {name: self._number(value) for name, value in total.items()}
        return self._number(total)

    def _number(self, value: Any) -> float:
        if not isinstance(value, Real) or not math.isfinite(value):
            allowed = "a finite number, or a dict of finite numbers by name"
            raise ConfigError(f"metrics: {self._name} returned {short_repr(value)}; allowed: {allowed}")
        return float(value)

    def _as_user_sees(self, values: Vector) -> Any:
        if self._network.classes is not None or self._network.multi_label:
            return self._network.decode(values)
        return values[:, 0] if values.shape[1] == 1 else values


class _LossMetric(_FunctionMetric):
    """The metric of a function whose values should be low."""

    better: ClassVar[Literal["higher", "lower"]] = "lower"


def add_metrics(setup: Setup, functions: Iterable[MetricFunction]) -> Setup:
    """Return the setup with functions among its metrics.

    Raises:
        ConfigError: one is no function, has no name or that of another metric, or no samples are held out.
    """
    metrics = list(setup.metrics)
    taken = {name for metric in metrics for name in metric.history_names(setup.network.task)} | {"cost"}
    for function in functions:
        name = _name_of(function)
        if not callable(function) or isinstance(function, type | Metric) or not name.isidentifier():
            allowed = "a function g(y, predictions) with a name; a modnet.Metric stands in the configuration"
            raise ConfigError(f"metrics: {short_repr(function)} is no metric; allowed: {allowed}")
        if name in taken:
            raise ConfigError(f"metrics: two metrics would be called '{name}' in the history")
        if setup.samples.keys() == {"train"}:
            problem = f"metrics: {name} needs validation or test samples, and there are none"
            raise ConfigError(f"{problem}; data.validation_share = 0.2 would sample some")
        taken.add(name)
        kind = _LossMetric if name.rpartition("_")[2] in LOWER_IS_BETTER else _FunctionMetric
        metrics.append(kind.of(function, name, setup.network))
    return setup._replace(metrics=tuple(metrics))


def _name_of(function: Any) -> str:
    while isinstance(function, functools.partial):
        function = function.func
    return getattr(function, "__name__", type(function).__name__)


def _takes_weights(function: Any) -> bool:
    try:
        return "sample_weight" in inspect.signature(function).parameters
    except ValueError:  # it is not written in Python, and says nothing
        return False
