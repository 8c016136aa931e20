"""The functions that are ours, beside NumPy's."""

from __future__ import annotations

import ndonnx as ndx
import numpy as np
import pytest
from exporting import run

from modnet_onnx.arrays import NAMESPACE, TracedArray, unwrapped
from modnet_onnx.functions import FUNCTIONS

WIDE = np.array([-1e300, -1e9, -700.0, -50.0, -3.0, -1.5, -1.0, -0.5, -1e-3, -1e-12, 0.0, 1e-12, 0.3, 1.0, 2.0, 40.0,
                 1e9, 1e300])  # fmt: skip
NOT_TOO_WIDE = np.append(WIDE[np.abs(WIDE) < 701], [-710.4, 710.0, 39.9])
ANGLES = np.linspace(-50.0, 50.0, 501)
SHARES = np.array([-1.0, -0.999999, -0.5, -1e-9, 0.0, 1e-9, 0.1, 0.7, 0.999999, 1.0])
POINTS = {
    "cos": ANGLES, "tan": ANGLES, "sinh": NOT_TOO_WIDE, "cosh": NOT_TOO_WIDE, "asinh": WIDE,
    "acosh": np.array([1.0, 1.0 + 1e-9, 1.5, 3.0, 1e7, 1e9, 1e300]), "atanh": SHARES[1:-1], "atan": WIDE,
    "asin": SHARES, "acos": SHARES,
}  # fmt: skip


def computed(name: str, x: np.ndarray, *arguments: object, **options: object) -> np.ndarray:
    given = TracedArray(ndx.argument(shape=("N", *x.shape[1:]), dtype=ndx.from_numpy_dtype(x.dtype)))
    result = getattr(NAMESPACE, name)(given, *arguments, **options)
    return run(ndx.build({"x": unwrapped(given)}, {"y": unwrapped(result)}), {"x": x})["y"]


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize("name", POINTS)
def test_functions_without_a_kernel_of_float64(name: str) -> None:
    x = POINTS[name]
    expected = getattr(np, name)(x)
    found = computed(name, x)
    assert found.dtype == np.float64
    np.testing.assert_allclose(found, expected, rtol=2e-13 if name == "tan" else 4e-15, atol=2e-15)
    single = computed(name, x[np.abs(x) < 80].astype(np.float32))
    assert single.dtype == np.float32
    np.testing.assert_allclose(single, getattr(np, name)(x[np.abs(x) < 80].astype(np.float32)), rtol=2e-3, atol=1e-5)


@pytest.mark.parametrize("axis", [None, 0, 1, -1, (0, 1), (1,)])
@pytest.mark.parametrize("keepdims", [False, True])
def test_reductions(axis: object, keepdims: bool) -> None:
    x = np.random.default_rng(2).standard_normal((4, 5))
    for name in ("max", "min", "mean", "sum", "prod"):
        expected = getattr(np, name)(x, axis=axis, keepdims=keepdims)
        np.testing.assert_allclose(computed(name, x, axis=axis, keepdims=keepdims), expected, rtol=1e-14)
    for name in ("any", "all"):
        expected = getattr(np, name)(x > 1.0, axis=axis, keepdims=keepdims)
        np.testing.assert_array_equal(computed(name, x > 1.0, axis=axis, keepdims=keepdims), expected)
    if axis in (1, -1, (1,)):
        for name in ("var", "std"):
            expected = getattr(np, name)(x, axis=axis, keepdims=keepdims, ddof=1)
            found = computed(name, x, axis=axis, keepdims=keepdims, correction=1)
            np.testing.assert_allclose(found, expected, rtol=1e-14)
    if isinstance(axis, int):
        np.testing.assert_array_equal(
            computed("argmax", x, axis=axis, keepdims=keepdims), np.argmax(x, axis, keepdims=keepdims)
        )


def test_the_variance_of_a_batch_is_refused() -> None:
    with pytest.raises(TypeError, match="the variance over the samples of a batch is not known"):
        computed("var", np.zeros((3, 2)), axis=0)


def test_none_in_a_shape_is_the_number_of_samples() -> None:
    x = np.arange(24.0).reshape(4, 6)
    np.testing.assert_array_equal(computed("reshape", x, (None, 2, 3)), x.reshape(4, 2, 3))
    np.testing.assert_array_equal(computed("reshape", x, (None, -1)), x)
    np.testing.assert_array_equal(computed("reshape", x, (3, None)), x.reshape(3, 8))
    np.testing.assert_array_equal(computed("reshape", x, (-1,)), x.reshape(-1))


def test_sums_of_exponentials() -> None:
    x = np.array([[0.0, 1000.0, -1000.0, 3.0]])
    np.testing.assert_allclose(computed("logaddexp", x, np.array([1.0, 999.0, -1000.0, 3.0])),
                               np.logaddexp(x, [1.0, 999.0, -1000.0, 3.0]), rtol=1e-15)  # fmt: skip


def test_every_function_of_ours_is_in_the_standard() -> None:
    assert all(hasattr(ndx, name) for name in FUNCTIONS)
