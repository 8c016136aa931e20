"""The checks of derivatives, against central differences in float64."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from modnet.core.numerical_gradient import STEP, numerical_gradient
from modnet.testing.case import Case
from modnet.testing.numeric import normal, tree_diff
from modnet.testing.probe import Arrays, Probe
from modnet.testing.probes import probes_of
from modnet.testing.report import FailedError, require

TOLERANCE = 1e-6  # how far a derivative may be from its central difference, relative to it
ROUNDING = 200.0 * float(np.finfo(np.float64).eps) / STEP  # the same, relative to the size of the function
ENTRIES = 60  # so many entries of a large array are differentiated by; they are sampled, the same ones every time
FAR_OUT = (20.0, 35.0, 70.0, 150.0, 1e3, 1e5)  # sizes of z; beyond 709 an exponential is infinite
NEGLIGIBLE = 1e-9  # how wrong a derivative may be where it is nearly 0
TIES = (-0.3, 0.2, 0.7)  # all entries have one of these values
TIED = 1e-4  # how far a sum of gradients may be off, relative to the sizes that are added
MOST_KINKS = 0.25  # the share of the entries at which a function may have no derivative


def derivative(case: Case) -> None:
    """Check that the gradients with respect to the inputs are right, of a first layer, at ties and for large z too."""
    _check_gradients(case, lambda probe, name: not probe.name.startswith("delta") and not name.startswith("parameter"))
    if case.cls.family == "activation":
        _check_far_out(case)
    elif case.cls.family == "layer":
        _check_ties(case)


def delta_derivative(case: Case) -> None:
    """Check that `delta` is ∂C/∂z with no activation, identity, sigmoid, tanh and softmax."""
    _check_gradients(case, lambda probe, _: probe.name.startswith("delta"))


def parameter_derivative(case: Case) -> None:
    """Check that `backward` returns the gradient of every parameter, summed over the samples."""
    _check_gradients(case, lambda _, name: name.startswith("parameter"))


def _check_far_out(case: Case) -> None:
    """Check the derivative of an activation for large z, as far as it is finite."""
    activation, upstream, shares = case.component, normal(60, 2, 5), np.ones((2, 5))
    for center in (sign * size for size in FAR_OUT for sign in (1.0, -1.0)):
        z = center * (1.0 + 0.1 * normal(61, 2, 5))

        def terms(share: Any, z: Any = z) -> Any:
            return upstream * activation(z * share)

        with np.errstate(all="ignore"):
            if all(np.isfinite(terms(shares + change)).all() for change in (-STEP, STEP)):
                exact = z * activation.backward(upstream, z, activation(z))
                what, floor = f"backward at z near {center:g}: z · gradient of z", NEGLIGIBLE * abs(center)
                check_derivative(what, exact, terms, {"share": shares}, "share", floor, most_kinks=1.0)


def _check_ties(case: Case) -> None:
    """Check that equal inputs of a layer, moved together, change the result as their gradients say (max-pooling)."""
    for probe in probes_of(case):
        inputs, terms = probe.arrays(), probe.terms
        x = inputs["x"] = np.random.default_rng(62).choice(TIES, inputs["x"].shape)
        gradient = probe.run(**inputs).get("gradient of x")
        if gradient is None or terms is None:
            continue
        for tied in (x == value for value in TIES):
            at = [terms(**{**inputs, "x": x + step * tied}) for step in (-STEP, 0.0, STEP)]
            left, right = float(np.sum(at[1] - at[0])) / STEP, float(np.sum(at[2] - at[1])) / STEP
            shares = np.where(tied, gradient, 0.0)
            actual, tolerance = float(np.sum(shares)), TIED * float(np.sum(np.abs(at[1])) + np.sum(np.abs(shares)))
            if abs(left - right) <= tolerance < abs(actual - right):
                sums = f"their gradients add up to {actual:.6g}, but the slope is {right:.6g}"
                raise FailedError(f"{probe.name}: where entries of x are equal and move together, {sums}")


def _check_gradients(case: Case, selected: Callable[[Probe, str], bool]) -> None:
    for seed in (1, 2, 3):
        right: Arrays = {}
        for probe in probes_of(case, seed):
            results, terms = probe.run(**probe.arrays()), probe.terms
            for name in (name for name in probe.inputs if f"gradient of {name}" in results and selected(probe, name)):
                gradient = results[f"gradient of {name}"]
                same = probe.name.endswith("(first layer)") and name in right and not tree_diff(gradient, right[name])
                if terms is not None and not same:
                    what = f"{probe.name}: gradient of {name}"
                    check_derivative(what, gradient, terms, probe.arrays(), name)
                    right[name] = gradient


def check_derivative(
    what: str,
    exact: Any,
    terms: Callable[..., Any],
    inputs: Arrays,
    name: str,
    floor: float = 0.0,
    most_kinks: float = MOST_KINKS,
) -> None:
    """Compare a derivative with central differences of the sum of the ``terms`` of some inputs, of which one is moved.

    An entry at which half the step gives another result is left out: the function has a kink there, and no derivative.
    A difference up to the ``floor`` does not count.
    """
    exact, x = np.array(exact, dtype=np.float64), inputs[name]
    require(exact.shape == x.shape, f"{what} should have the shape {x.shape}, got {exact.shape}")
    sample = np.random.default_rng(28).permutation(list(np.ndindex(x.shape)))[:ENTRIES]
    indices = sorted(map(tuple, sample.tolist()))

    def function(moved: NDArray[Any]) -> Any:
        return terms(**{**inputs, name: moved.copy()})

    slopes, tolerances = _slopes(function, x.copy(), indices, STEP)
    wrong = [
        number
        for number, index in enumerate(indices)
        if not abs(exact[index] - slopes[number]) <= tolerances[number] + floor  # NaN is wrong, too
    ]
    finer, roundings = _slopes(function, x.copy(), [indices[number] for number in wrong], STEP / 2)
    kinks = 0
    for number, slope, rounding in zip(wrong, finer, roundings, strict=True):
        index, expected, tolerance = indices[number], slopes[number], tolerances[number] + rounding + floor
        if abs(exact[index] - (4.0 * slope - expected) / 3.0) <= tolerance:  # Richardson: without the error of the step
            continue
        if abs(expected - slope) <= tolerance:
            place = list(index) if index else "the number"
            numbers = f"at {place} expected {expected:.9g}, got {exact[index]:.9g}"
            raise FailedError(f"{what} against central differences: {numbers}")
        kinks += 1
    share = kinks / max(len(indices), 1)
    require(share <= most_kinks, f"{what}: the function has no derivative at {share:.0%} of the points that were tried")


def _slopes(
    function: Callable[[NDArray[Any]], Any], x: NDArray[Any], indices: list[Any], step: float
) -> tuple[NDArray[Any], NDArray[Any]]:
    """Return the central differences for each index, and how far a derivative may be from them."""
    if not indices:
        return np.zeros(0), np.zeros(0)
    terms = numerical_gradient(function, x, indices, step)
    size, axes = np.abs(np.asarray(function(x))), tuple(range(1, terms.ndim))
    slopes = np.sum(terms, axis=axes)
    changed = np.sum(np.where(terms != 0.0, size, 0.0), axis=axes)  # what does not depend on an entry is not rounded
    return slopes, TOLERANCE * np.abs(slopes) + ROUNDING * np.maximum(changed, np.max(size, initial=0.0))
