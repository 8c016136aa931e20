"""Central differences against derivatives by hand."""

from __future__ import annotations

import numpy as np

from modnet.core.numerical_gradient import STEP, numerical_gradient


def test_the_gradient_of_a_number():
    x = np.array([[0.5, -1.0], [2.0, 3.0]])
    before = x.copy()
    gradient = numerical_gradient(lambda x: np.sum(x**3) / 3.0, x, np.ndindex(x.shape))
    np.testing.assert_allclose(gradient, before.ravel() ** 2, rtol=1e-6)
    np.testing.assert_array_equal(x, before)


def test_the_derivatives_of_an_array_are_a_row_per_index():
    weights, x = np.array([[1.0, 2.0, 3.0], [4.0, 5.0, 6.0]]), np.array([0.1, 0.2, 0.3])
    derivatives = numerical_gradient(lambda x: weights @ x, x, [2, 0])
    assert derivatives.shape == (2, 2)
    np.testing.assert_allclose(derivatives, weights.T[[2, 0]], rtol=1e-9)


def test_entries_that_are_moved_together():
    x = np.array([[1.0, 2.0], [3.0, 4.0]])
    derivatives = numerical_gradient(lambda x: x**2, x, [(slice(None), 1)])
    np.testing.assert_allclose(derivatives, [[[0.0, 4.0], [0.0, 8.0]]], rtol=1e-9)


def test_the_step_grows_with_the_number_and_never_shrinks_below_its_own_size():
    steps = []
    for start in (0.0, 0.5, 200.0):
        moved: list[float] = []
        numerical_gradient(lambda x, moved=moved: moved.append(float(x[0])) or 0.0, np.array([start]), [0])
        steps.append((moved[0] - moved[1]) / 2.0)
    np.testing.assert_allclose(steps, [STEP, STEP, 200.0 * STEP], rtol=1e-9)


def test_the_step_balances_truncation_and_rounding():
    def error(step: float) -> float:
        return abs(float(numerical_gradient(np.sin, np.array(1.0), [()], step)[0]) - float(np.cos(1.0)))

    assert error(STEP) < 1e-9 < min(error(1e4 * STEP), error(1e-6 * STEP))
