"""Probe: one way in which a component is used.

Most checks are the same for all families: inputs are not modified, results repeat, the dtype is preserved. They are
written once, over probes; only the probes know the family.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from modnet.core.arrays import Array

__all__ = ["Arrays", "Probe", "finish", "protect"]

Arrays: TypeAlias = dict[str, Array]


@dataclass(frozen=True)
class Probe:
    """One way in which a component is used.

    Attributes:
        name: The method, as messages name it.
        run: Uses the component: takes the inputs, returns the results, by name.
        inputs: float64 arrays, or text, by name; empty for families that take no arrays.
        shapes: The shapes of the results by name; a result that is not listed may have any.
        rows: The inputs that have a row per sample; if there are any, so has every result.
        terms: Returns the terms of the sum of which a result "gradient of <input>" is the derivative.
        start: Does the first half of what ``run`` does, and returns the function that does the rest; None where there
            are no two halves.
    """

    name: str
    run: Callable[..., Arrays]
    inputs: Mapping[str, NDArray[Any]] = field(default_factory=dict)
    shapes: Mapping[str, tuple[int, ...]] = field(default_factory=dict)
    rows: tuple[str, ...] = ()
    terms: Callable[..., Array] | None = None
    start: Callable[..., Callable[[], Arrays]] | None = None

    def arrays(self, dtype: Any = np.float64) -> Arrays:
        """Return new copies of the inputs, those that are numbers with this dtype."""
        return {name: value.astype(object if value.dtype == object else dtype) for name, value in self.inputs.items()}


def finish(start: Callable[..., Callable[[], Arrays]]) -> Callable[..., Arrays]:
    """Return the ``run`` of a probe that has two halves."""
    return lambda **inputs: start(**inputs)()


def protect(result: Any, given: Array) -> Any:
    """Return a result, read-only if the array that was ``given`` is, to pass it to the component again."""
    if not isinstance(given, np.ndarray) or given.flags.writeable:
        return result
    if isinstance(result, dict):
        return MappingProxyType({name: protect(value, given) for name, value in result.items()})
    if isinstance(result, np.ndarray):
        result.flags.writeable = False
    return result
