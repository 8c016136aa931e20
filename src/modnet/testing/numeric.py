"""Numbers for the checks: fixed inputs, what counts as the same, and derivatives by central differences."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from modnet.testing.report import FailedError

__all__ = ["Slopes", "as_numpy", "close", "derivative", "ends", "first_difference", "matches", "normal", "same_bits"]

STEP = float(np.cbrt(np.finfo(np.float64).eps))
"""The step of a central difference, relative to the number: its two errors, truncation and rounding, are least here."""
TOLERANCE = 1e-6
"""How far a derivative may be from its central difference, relative to it."""
ROUNDING = 100.0 * float(np.finfo(np.float64).eps) / STEP
"""What rounding may add to a central difference, relative to the size of the function."""


def normal(seed: int, *shape: int) -> NDArray[np.float64]:
    """Return standard normal numbers that are the same every time."""
    return np.random.default_rng([20, seed]).standard_normal(shape)


def ends(dtype: Any, largest: float | None = None) -> list[float]:
    """Return numbers at the ends of the floats, all ≥ 0: 0, the smallest, the usual, and the largest."""
    limits = np.finfo(dtype)
    top = float(limits.max) if largest is None else largest
    small = [0.0, float(limits.smallest_subnormal), float(limits.smallest_normal), float(limits.eps)]
    return [*small, 0.5, 1.0, 10.0, 100.0, 1e4, top / 2, top]


def place(index: Sequence[int]) -> str:
    """Return an index as it is written: ``[2, 0]``."""
    return f"[{', '.join(map(str, index))}]" if len(index) else ""


def as_numpy(value: Any) -> NDArray[Any]:
    """Return an array of whatever library as NumPy's."""
    return np.asarray(value)


def first_difference(came: Any, expected: Any, tolerance: Any) -> str:
    """Return where ``came`` is first further from ``expected`` than ``tolerance``, as words, or nothing."""
    came, expected = as_numpy(came), as_numpy(expected)
    if came.shape != expected.shape:
        return f"expected the shape {expected.shape}, got {came.shape}"
    with np.errstate(all="ignore"):  # what is not finite is found as such
        wrong = ~(np.abs(came - expected) <= tolerance) & ~(came == expected)
    if not wrong.any():
        return ""
    index = np.unravel_index(int(np.argmax(wrong)), wrong.shape) if wrong.ndim else ()
    spot = tuple(int(i) for i in index)
    return f"at {place(spot) or 'the number'} expected {expected[spot]:.9g}, got {came[spot]:.9g}"


def close(came: Any, expected: Any, relative: float) -> str:
    """Return where the two differ by more than ``relative`` of the largest expected number, or nothing."""
    finite = np.abs(as_numpy(expected)[np.isfinite(as_numpy(expected))])
    return first_difference(came, expected, relative * float(finite.max(initial=0.0)))


def same_bits(one: Any, other: Any) -> bool:
    """Return whether two results are the same to the last bit, however they are nested."""
    if isinstance(one, Mapping):
        same = isinstance(other, Mapping) and list(one) == list(other)
        return same and all(same_bits(one[key], other[key]) for key in one)
    if isinstance(one, list | tuple):
        same = isinstance(other, list | tuple) and len(one) == len(other)
        return same and all(map(same_bits, one, other))
    if hasattr(one, "dtype") or hasattr(other, "dtype"):
        first, second = as_numpy(one), as_numpy(other)
        if first.dtype != second.dtype or first.shape != second.shape:
            return False
        return bool(np.array_equal(first, second)) if first.dtype.hasobject else first.tobytes() == second.tobytes()
    return bool(one == other) or (one != one and other != other)


@dataclass(frozen=True)
class Slopes:
    """Central differences of a function.

    Attributes:
        values: The differences.
        rounding: What rounding may add to each.
        smooth: Whether the function is smooth there: where half the step gives another figure there is a kink, and
            no derivative to compare with.
    """

    values: NDArray[Any]
    rounding: NDArray[Any]
    smooth: NDArray[Any]

    def by_row(self) -> Slopes:
        """Return the differences with the moved columns as columns."""
        return Slopes(self.values.T, self.rounding.T, self.smooth.T)


def derivative(
    function: Callable[[NDArray[Any]], Any], x: NDArray[Any], along: Iterable[Any], axis: int | tuple[int, ...] | None
) -> Slopes:
    """Return the central differences at ``x`` of the sum over ``axis`` of what ``function`` returns.

    An index in ``along`` picks the entries that are moved together: those of one column, say, where rows do not mix.
    """
    values, rounding, smooth = [], [], []
    for index in along:
        step = STEP * max(1.0, float(np.max(np.abs(x[index]))))
        (whole, size), (half, _) = (_quotient(function, x, index, length, axis) for length in (step, step / 2))
        allowed = ROUNDING * size
        values.append(whole)
        rounding.append(np.full(np.shape(whole), allowed))
        smooth.append(np.abs(whole - half) <= TOLERANCE * np.abs(whole) + 2.0 * allowed)
    return Slopes(np.array(values), np.array(rounding), np.array(smooth))


def _quotient(
    function: Callable[[Any], Any], x: NDArray[Any], index: Any, step: float, axis: int | tuple[int, ...] | None
) -> tuple[Any, float]:
    above, below = x.copy(), x.copy()
    above[index] += step
    below[index] -= step
    one, other = as_numpy(function(above)), as_numpy(function(below))
    size = np.max(np.sum(np.abs(one), axis=axis) + np.sum(np.abs(other), axis=axis))
    return np.sum(one - other, axis=axis) / (2.0 * step), float(size)


def matches(exact: Any, slopes: Slopes, what: str, share: float = 0.75) -> None:
    """Refuse a derivative that is not that of central differences.

    Raises:
        FailedError: naming the first entry that is wrong; or that at most places there is no derivative at all.
    """
    exact = as_numpy(exact)
    if exact.shape != slopes.values.shape:
        raise FailedError(f"{what}: expected the shape {slopes.values.shape}, got {exact.shape}")
    tolerance = TOLERANCE * np.abs(slopes.values) + slopes.rounding
    difference = first_difference(np.where(slopes.smooth, exact, slopes.values), slopes.values, tolerance)
    if difference:
        raise FailedError(f"{what} against central differences: {difference}")
    rough = 1.0 - float(np.mean(slopes.smooth)) if slopes.smooth.size else 0.0
    if rough > 1.0 - share:
        raise FailedError(f"{what}: the function has no derivative at {rough:.0%} of the places that were tried")
