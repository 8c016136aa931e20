"""Arrays without values, and the check that a component can be traced with them into a program.

An engine that compiles (JAX) calls a component once, with arrays that stand for values to come, and runs what was
recorded for every batch. What depends on a value while it is called is recorded as it was then: a Python `if`, a number
from NumPy's generators, an array kept from an earlier call.
"""

from __future__ import annotations

import operator
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import ModuleType
from typing import Any
from unittest import mock

import numpy as np

from modnet.testing.case import Case
from modnet.testing.numeric import close, normal
from modnet.testing.probe import Arrays, Probe
from modnet.testing.probe_checks import DOUBLE
from modnet.testing.probes import UPDATES, probes_of, rule_context
from modnet.testing.report import FailedError, NoteError

__all__ = ["TracedArray", "traces"]


def traces(case: Case) -> None:
    """Check that it runs on arrays without values, as a compiler calls it: a note if it is written for NumPy alone."""
    probes = [_rule(case)] if case.cls.family == "rule" else probes_of(case)
    for probe in 2 * probes:  # twice, to see whether anything is kept
        with _without_numpy_randomness():
            expected = probe.run(**probe.arrays())
        _compare(probe.name, _trace(probe), expected)


def _rule(case: Case) -> Probe:
    """Return the probe of a rule whose rate, momentum and counters are arrays without dimensions."""
    rule, gradients = case.component, {f"gradient {update}": normal(update, 9) for update in UPDATES}

    def update_repeatedly(theta: Any, learning_rate: Any, momentum: Any, **gradients: Any) -> Arrays:
        state, results = rule.init(theta), {}
        for update in UPDATES:
            if isinstance(theta, TracedArray):  # then counters are arrays, too
                state = {name: _counter(value) for name, value in state.items()}
            context = rule_context(theta, learning_rate, momentum, update)
            results[f"step {update}"], state = rule.update(gradients[f"gradient {update}"], state, context)
        return results | {f"state {name!r}": value for name, value in state.items()}

    rates = {"learning_rate": np.asarray(0.1), "momentum": np.asarray(0.8)}
    return Probe("update", update_repeatedly, {"theta": normal(0, 9), **gradients, **rates})


def _counter(value: Any) -> Any:
    return TracedArray(np.asarray(value)) if isinstance(value, int) else value


@contextmanager
def _without_numpy_randomness() -> Iterator[None]:
    """Make it a failure to draw from a generator of one's own."""

    def refuse(*_: Any, **__: Any) -> Any:
        raise FailedError("makes a random generator of its own: the same numbers would be in every pass; use ctx.rng")

    with mock.patch("numpy.random.default_rng", refuse):
        yield


def _trace(probe: Probe) -> Arrays:
    """Return the results of a probe on arrays that only this trace may use."""
    trace = object()
    try:
        return probe.run(**{name: TracedArray(value, trace) for name, value in probe.arrays().items()})
    except FailedError as error:
        raise FailedError(f"{probe.name} {error}") from None
    except NoteError as error:
        raise NoteError(f"{probe.name} {error}") from None
    except Exception as error:  # whatever the component does with arrays that are not NumPy's
        raise NoteError(f"{probe.name} on traced arrays: {type(error).__name__}: {error}") from None


def _compare(name: str, results: Arrays, expected: Arrays) -> None:
    for key, value in results.items():
        if isinstance(value, np.ndarray | np.generic):
            raise NoteError(f"{name}: {key} of traced arrays is a NumPy array")
        if difference := close(_value(value), expected[key], DOUBLE):
            raise FailedError(f"{name}: {key} of traced arrays differs from that of NumPy arrays: {difference}")


class TracedArray:
    """An array whose values cannot be seen: what Python or NumPy would do with them is a failure or a note.

    Args:
        hidden: The values.
        trace: What identifies the trace; None for a constant, which any trace may use.
    """

    __array_ufunc__ = None  # NumPy leaves a binary operation to this class
    __hash__ = None  # type: ignore[assignment] # as NumPy's arrays have none

    def __init__(self, hidden: Any, trace: object = None) -> None:
        self.hidden, self.trace = hidden, trace

    def __array_namespace__(self, api_version: str | None = None) -> Any:
        del api_version
        return _NAMESPACE

    def __getattr__(self, name: str) -> Any:
        if name not in ("shape", "dtype", "ndim", "size", "device", "T", "mT"):
            raise AttributeError(f"an array of the standard has no '{name}'")
        value = getattr(self.hidden, name)
        return TracedArray(value, self.trace) if name in ("T", "mT") else value

    def __len__(self) -> int:
        return len(self.hidden)

    def __getitem__(self, key: Any) -> Any:
        keys = key if isinstance(key, tuple) else (key,)
        if any(isinstance(part, TracedArray) and part.dtype == bool for part in keys):
            raise FailedError("selects by a condition: the shape of the result depends on values; use xp.where")
        return _call(operator.getitem, self, key)

    def __setitem__(self, key: Any, value: Any) -> None:
        raise FailedError("writes into an array: make a new one, and assign it (ctx.state[name] = value)")

    def __array__(self, *_: Any, **__: Any) -> Any:
        raise NoteError("gives an array to NumPy itself instead of its own namespace(...)")


def _operation(name: str) -> Callable[..., TracedArray]:
    function = getattr(operator, name)
    return lambda self, *others: _call(function, self, *others)


def _reflected(name: str) -> Callable[..., TracedArray]:
    function = getattr(operator, name)
    return lambda self, other: _call(function, other, self)


def _conversion(name: str) -> Callable[..., Any]:
    def refuse(_: TracedArray) -> Any:
        raise FailedError(f"asks for a value ({name}): no Python condition, `math` or `{name}(...)` on arrays")

    return refuse


for _name in ("add", "sub", "mul", "truediv", "floordiv", "mod", "pow", "matmul", "and_", "or_", "xor"):
    _plain = _name.rstrip("_")
    setattr(TracedArray, f"__{_plain}__", _operation(_name))
    setattr(TracedArray, f"__r{_plain}__", _reflected(_name))
for _name in ("lt", "le", "gt", "ge", "eq", "ne", "neg", "pos", "abs", "invert"):
    setattr(TracedArray, f"__{_name}__", _operation(_name))
for _name in ("bool", "float", "int", "complex", "index"):
    setattr(TracedArray, f"__{_name}__", _conversion(_name))


class _Namespace:
    """NumPy's functions, for traced arrays."""

    def __init__(self, module: ModuleType) -> None:
        self._module = module

    def __getattr__(self, name: str) -> Any:
        found = getattr(self._module, name)
        if isinstance(found, ModuleType):
            return _Namespace(found)
        if isinstance(found, type) or not callable(found) or name in ("finfo", "iinfo"):
            return found
        return lambda *args, **kwargs: _call(found, *args, **kwargs)


_NAMESPACE = _Namespace(np)


def _call(function: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
    """Return what a function of NumPy makes of traced arrays, traced."""
    traces: set[object] = set()
    result = function(
        *(_value(arg, traces) for arg in args), **{key: _value(arg, traces) for key, arg in kwargs.items()}
    )
    if len(traces) > 1:
        raise FailedError("uses an array of an earlier call, which it has kept: a component has no state of its own")
    return _traced(result, next(iter(traces), None))


def _traced(result: Any, trace: object = None) -> Any:
    if isinstance(result, tuple | list):
        return type(result)(_traced(item, trace) for item in result)
    return TracedArray(result, trace) if isinstance(result, np.ndarray | np.generic) else result


def _value(arg: Any, traces: set[object] | None = None) -> Any:
    if isinstance(arg, TracedArray):
        if traces is not None and arg.trace is not None:
            traces.add(arg.trace)
        return arg.hidden
    return type(arg)(_value(item, traces) for item in arg) if type(arg) in (tuple, list) else arg
