"""The checks of derivatives, against central differences in float64."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from modnet.core.numerical_gradient import STEP, numerical_gradient
from modnet.testing.case import Case
from modnet.testing.numeric import first_difference
from modnet.testing.probe import Arrays, Probe
from modnet.testing.probes import probes_of
from modnet.testing.report import FailedError, require

TOLERANCE = 1e-6  # how far a derivative may be from its central difference, relative to it
ROUNDING = 200.0 * float(np.finfo(np.float64).eps) / STEP  # the same, relative to the size of the function
ENTRIES = 60  # so many entries of a large array are differentiated by; they are sampled, the same ones every time
MOST_KINKS = 0.25  # the share of the entries at which a function may have no derivative


def derivative(case: Case) -> None:
    """Check that the gradients with respect to the inputs are right, also those of a first layer."""
    _check_gradients(case, lambda probe, name: not probe.name.startswith("delta") and not name.startswith("parameter"))


def delta_derivative(case: Case) -> None:
    """Check that `delta` is ∂C/∂z with no activation, identity, sigmoid, tanh and softmax."""
    _check_gradients(case, lambda probe, _: probe.name.startswith("delta"))


def parameter_derivative(case: Case) -> None:
    """Check that `backward` returns the gradient of every parameter, summed over the samples."""
    _check_gradients(case, lambda _, name: name.startswith("parameter"))


def _check_gradients(case: Case, selected: Callable[[Probe, str], bool]) -> None:
    for probe in (probe for seed in (1, 2, 3) for probe in probes_of(case, seed)):
        results, terms = probe.run(**probe.arrays()), probe.terms
        for name in (name for name in probe.inputs if f"gradient of {name}" in results and selected(probe, name)):
            gradient = f"gradient of {name}"
            if terms is not None:
                check_derivative(f"{probe.name}: {gradient}", results[gradient], terms, probe.arrays(), name)


def check_derivative(what: str, exact: Any, terms: Callable[..., Any], inputs: Arrays, name: str) -> None:
    """Compare a derivative with central differences of the sum of the ``terms`` of some inputs, of which one is moved.

    An entry at which half the step gives another result is left out: the function has a kink there, and no derivative.
    """
    exact, x = np.array(exact, dtype=np.float64), inputs[name]
    require(exact.shape == x.shape, f"{what} should have the shape {x.shape}, got {exact.shape}")
    sample = np.random.default_rng(28).permutation(list(np.ndindex(x.shape)))[:ENTRIES]
    indices = sorted(map(tuple, sample.tolist()))
    slopes, tolerances, smooth = _slopes(lambda moved: terms(**{**inputs, name: moved.copy()}), x.copy(), indices)
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
