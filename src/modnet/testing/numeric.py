"""Numbers for the checks: fixed inputs, and comparisons of results."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

__all__ = ["close", "extreme_sizes", "first_difference", "normal", "targets", "tree_diff"]


def normal(seed: int, *shape: int) -> NDArray[np.float64]:
    """Return standard normal numbers that are the same every time."""
    return np.random.default_rng([20, seed]).standard_normal(shape)


def targets(seed: int, samples: int, outputs: int) -> NDArray[np.float64]:
    """Return targets that sum to 1 (of one output: from 0 to 1): every other row is one-hot, the rest in between."""
    if outputs == 1:
        return targets(seed, samples, 2)[:, :1]
    rng = np.random.default_rng([21, seed])
    y: NDArray[np.float64] = rng.dirichlet(np.ones(outputs), samples)
    y[::2] = np.eye(outputs)[rng.integers(0, outputs, len(y[::2]))]
    return y


def extreme_sizes(dtype: Any, power: float = 1.0) -> NDArray[np.float64]:
    """Return numbers ≥ 0 over the range of a floating-point type, up to a power of the largest."""
    limits = np.finfo(dtype)
    top = float(limits.max) ** power
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
