"""Numbers for the checks: fixed inputs, comparisons of results, and of derivatives with central differences."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from modnet.core.numerical_gradient import STEP, numerical_gradient
from modnet.testing.report import FailedError, require

__all__ = ["check_derivative", "close", "extreme_sizes", "first_difference", "normal", "tree_diff"]

TOLERANCE = 1e-6  # how far a derivative may be from its central difference, relative to it
ROUNDING = 200.0 * float(np.finfo(np.float64).eps) / STEP  # the same, relative to the size of the function
ENTRIES = 60  # so many entries of a large array are differentiated by; they are sampled, the same ones every time
MOST_KINKS = 0.25  # the share of the entries at which a function may have no derivative


def normal(seed: int, *shape: int) -> NDArray[np.float64]:
    """Return standard normal numbers that are the same every time."""
    return np.random.default_rng([20, seed]).standard_normal(shape)


def extreme_sizes(dtype: Any, largest: float | None = None) -> NDArray[np.float64]:
    """Return numbers ≥ 0 over the range of a floating-point type: 0, the smallest, usual ones, and the largest."""
    limits = np.finfo(dtype)
    top = float(limits.max) if largest is None else largest
    small = [0.0, float(limits.smallest_subnormal), float(limits.smallest_normal), float(limits.eps)]
    return np.array([*small, 0.5, 1.0, 10.0, 100.0, 1e4, top / 2, top])


def first_difference(actual: Any, expected: Any, tolerance: Any) -> str:
    """Say where ``actual`` is first further from ``expected`` than ``tolerance``; empty if it is nowhere."""
    actual, expected = np.asarray(actual), np.asarray(expected)
    if actual.shape != expected.shape:
        return f"expected the shape {expected.shape}, got {actual.shape}"
    with np.errstate(all="ignore"):  # a number that is not finite differs
        wrong = ~(np.abs(actual - expected) <= tolerance) & ~(actual == expected)
    if not wrong.any():
        return ""
    index = tuple(map(int, np.argwhere(wrong)[0]))
    return f"at {list(index) if index else 'the number'} expected {expected[index]:.9g}, got {actual[index]:.9g}"


def close(actual: Any, expected: Any, relative: float) -> str:
    """Say where the two differ by more than ``relative`` of the largest expected number; empty if they do not."""
    finite = np.abs(np.asarray(expected)[np.isfinite(expected)])
    return first_difference(actual, expected, relative * float(finite.max(initial=0.0)))


def tree_diff(first: Any, second: Any, path: str = "") -> list[str]:
    """Return the paths at which two trees of dicts, lists, arrays and numbers differ in a bit, a type or a shape."""
    if type(first) is not type(second):
        return [path]
    if isinstance(first, list | tuple):
        first, second = dict(enumerate(first)), dict(enumerate(second))
    if isinstance(first, Mapping):
        if list(first) != list(second):
            return [path]
        return [diff for key in first for diff in tree_diff(first[key], second[key], f"{path}.{key}".lstrip("."))]
    if not hasattr(first, "dtype"):
        same = first.hex() == second.hex() if isinstance(first, float) else first == second
        return [] if same else [path]
    first, second = np.asarray(first), np.asarray(second)
    if first.dtype.hasobject:
        return tree_diff(first.tolist(), second.tolist(), path)
    same = (first.dtype, first.shape, first.tobytes()) == (second.dtype, second.shape, second.tobytes())
    return [] if same else [path]


def check_derivative(what: str, exact: Any, function: Callable[[NDArray[Any]], Any], x: NDArray[Any]) -> None:
    """Compare a derivative with central differences of the sum of what ``function`` returns.

    An entry at which half the step gives another result is left out: the function has a kink there, and no derivative.

    Raises:
        FailedError: an entry is wrong, or the function has no derivative at too many of them.
    """
    exact = np.array(exact, dtype=np.float64)
    require(exact.shape == x.shape, f"{what} should have the shape {x.shape}, got {exact.shape}")
    sample = np.random.default_rng(28).permutation(list(np.ndindex(x.shape)))[:ENTRIES]
    indices = sorted(map(tuple, sample.tolist()))
    slopes, tolerances, smooth = _slopes(lambda moved: function(moved.copy()), x.copy(), indices)
    expected, tolerance = exact.copy(), np.zeros(x.shape)
    for index, slope, allowed, usable in zip(indices, slopes, tolerances, smooth, strict=True):
        expected[index] = slope if usable else exact[index]
        tolerance[index] = allowed
    if difference := first_difference(exact, expected, tolerance):
        raise FailedError(f"{what} against central differences: {difference}")
    kinks = np.count_nonzero(~smooth) / max(smooth.size, 1)
    require(kinks <= MOST_KINKS, f"{what}: the function has no derivative at {kinks:.0%} of the points that were tried")


def _slopes(
    function: Callable[[NDArray[Any]], Any], x: NDArray[Any], indices: list[Any]
) -> tuple[NDArray[Any], NDArray[Any], NDArray[Any]]:
    """Return the central differences for each index, how far a derivative may be from them, and where it exists."""
    terms, finer = (numerical_gradient(function, x, indices, step) for step in (STEP, STEP / 2))
    size = np.abs(np.asarray(function(x)))
    axes = tuple(range(1, terms.ndim))
    slopes = np.sum(terms, axis=axes)
    changed = np.sum(np.where(terms != 0.0, size, 0.0), axis=axes)  # what does not depend on an entry is not rounded
    rounding = ROUNDING * np.maximum(changed, np.max(size, initial=0.0))
    tolerances = TOLERANCE * np.abs(slopes) + rounding
    return slopes, tolerances, np.abs(slopes - np.sum(finer, axis=axes)) <= tolerances + rounding
