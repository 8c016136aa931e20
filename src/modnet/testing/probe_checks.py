"""The checks that run over the probes of a component: results repeat, inputs stay as they are, dtypes are preserved."""

from __future__ import annotations

import importlib
import math
import random
from typing import Any

import numpy as np
from numpy.typing import NDArray

from modnet.testing.case import Case
from modnet.testing.numeric import close, first_difference, normal, tree_diff
from modnet.testing.probe import Arrays, Probe
from modnet.testing.probes import extreme_probes, probes_of
from modnet.testing.report import FailedError, NoteError, SkippedError, require

DTYPES = ("float64", "float32")
SINGLE = 1e-5  # how far float32 may be from float64, relative to the largest result: about a hundred roundings
BISECTIONS = 70  # halvings of the exponent, and of the digits after that, down to neighbouring numbers
DOUBLE = 1e-12  # how far two orders of the same sums may be apart in float64, relative to the largest result


def deterministic(case: Case) -> None:
    """Check that results are the same to the last bit in another call, and from an equal component."""
    before = _results(case, 0)
    _results(case, 3)
    _require_equal(before, _results(case, 0), "when it is called again, after other inputs")
    _require_equal(before, _results(case.copy(), 0), "from an equal component")


def no_global_randomness(case: Case) -> None:
    """Check that the global random states of NumPy and Python are neither used nor changed."""
    saved, results = _random_states(), []
    try:
        for seed in (1, 2):
            np.random.seed(seed)  # noqa: NPY002 -- what components should not use
            random.seed(seed)
            states = _random_states()
            results.append(_results(case, 0))
            for changed in tree_diff(states, _random_states()):
                name = changed.partition(".")[0].replace("_", ".")
                raise FailedError(f"the global state of {name} was changed: use the generator that is passed in")
    finally:
        np.random.set_state(saved["numpy_random"])  # noqa: NPY002 -- the same
        random.setstate(saved["random"])
    _require_equal(results[0], results[1], "with another global random state")


def _random_states() -> dict[str, Any]:
    return {"numpy_random": np.random.get_state(), "random": random.getstate()}  # noqa: NPY002 -- the same


def _results(case: Case, seed: int) -> dict[str, Any]:
    return {probe.name: probe.run(**probe.arrays()) for probe in probes_of(case, seed)}


def _require_equal(before: dict[str, Any], after: dict[str, Any], when: str) -> None:
    for path in tree_diff(before, after):
        raise FailedError(f"{path.replace('.', ': ', 1)} is not the same {when}")


def inputs_not_modified(case: Case) -> None:
    """Check that input arrays (and a rule's state) are not written to; they are passed read-only."""
    for probe in probes_of(case):
        given = probe.arrays()
        for array in given.values():
            array.flags.writeable = False
        try:
            probe.run(**given)
        except (ValueError, TypeError) as error:
            if "read-only" in str(error) or "mappingproxy" in str(error):
                raise FailedError(f"{probe.name} modifies its input: {error}; return a new array") from None
            raise
        for name in tree_diff(given, dict(probe.inputs)):
            raise FailedError(f"{probe.name} modifies {name}; return a new array")


def shape_preserved(case: Case) -> None:
    """Check that every result has the shape that the family requires."""
    for probe in probes_of(case):
        results = probe.run(**probe.arrays())
        for name, expected in probe.shapes.items():
            shape = np.shape(np.asarray(results[name]))
            require(shape == expected, f"{probe.name}: {name} should have the shape {expected}, got {shape}")


def dtype_preserved(case: Case) -> None:
    """Check that results have the dtype of the inputs, float64 or float32 (a Python number is allowed)."""
    for probe in probes_of(case):
        for expected in DTYPES:
            for name, value in probe.run(**probe.arrays(expected)).items():
                dtype = str(getattr(value, "dtype", type(value).__name__))
                is_counter = name.startswith("state ") and np.asarray(value).dtype.kind in "iub"
                right = dtype in (expected, "float", "int", "bool") or is_counter
                require(right, f"{probe.name}: {name} of {expected} inputs should be {expected}, got {dtype}")


def float32_agrees_with_float64(case: Case) -> None:
    """Check that results in float32 equal those in float64 to the accuracy of float32."""
    for probe in probes_of(case):
        single = probe.arrays("float32")
        results = probe.run(**single)
        for name, expected in probe.run(**{name: value.astype("float64") for name, value in single.items()}).items():
            difference = close(results[name], expected, SINGLE)
            require(not difference, f"{probe.name}: {name} in float32 differs from float64: {difference}")


def batch_equals_row_by_row(case: Case) -> None:
    """Check that samples are independent: a batch gives the same results as its rows one by one."""
    for probe in (probe for probe in probes_of(case) if probe.rows):
        given = probe.arrays()
        batch = {name: np.asarray(value) for name, value in probe.run(**given).items()}
        for row in range(len(given[probe.rows[0]])):
            single = {name: value[row : row + 1] if name in probe.rows else value for name, value in given.items()}
            for name, expected in probe.run(**single).items():
                actual = batch[name][row : row + 1] if batch[name].ndim else batch[name]
                tolerance = DOUBLE * float(np.max(np.abs(batch[name]), initial=0.0))
                difference = first_difference(actual, expected, tolerance)
                require(not difference, f"{probe.name}: {name} of row {row} is not the same alone: {difference}")


def interleaved_passes(case: Case) -> None:
    """Check that two passes at once, as two threads make them, do not disturb each other, nor does a prediction."""
    probes = zip(probes_of(case, 0), probes_of(case, 3), strict=True)
    for first, second in ((first, second) for first, second in probes if first.start and second.start):
        expected = [first.run(**first.arrays()), second.run(**second.arrays())]
        goes_on = [probe.start(**probe.arrays()) for probe in (first, second) if probe.start]
        for other in probes_of(case, 1):
            if not other.start:
                other.run(**other.arrays())
        for name in tree_diff(expected, [go_on() for go_on in goes_on]):
            what = name.partition(".")[2]
            message = (
                f"{first.name}: {what} is not the same when two passes are interleaved: keep nothing on the component"
            )
            raise FailedError(f"{message}, use ctx.saved" if case.cls.family == "layer" else message)


def output_range(case: Case) -> None:
    """Check that outputs lie in the range that the activation declares, for large z too."""
    declared = case.component.output_range
    for size in (1.0, 30.0, 1e3):
        a = np.zeros(1) if declared == "real" else case.component(size * normal(63, 6, 5))
        outside = a[~((a >= 0.0) & (a <= 1.0))]
        place = f"output_range is {declared!r}, but for z of the size {size:g}"
        require(not outside.size, f"{place} an output is {outside[:1]}, outside of [0, 1]")
        sums = a.sum(axis=-1) if declared == "simplex" else np.ones(1)
        worst = float(sums[np.argmax(np.abs(sums - 1.0))])
        require(abs(worst - 1.0) <= DOUBLE, f"{place} the outputs of a sample sum to {worst:.17g}")


def extreme_inputs(case: Case) -> None:
    """Check that results at the dtype's limits (±largest, subnormal, 0) are finite, without floating-point errors.

    An activation may be infinite where its values are too large for the dtype (eᶻ, z³).
    """
    for dtype in DTYPES:
        probes, beyond = extreme_probes(case, dtype), np.zeros((), dtype=bool)
        with np.errstate(all="ignore"):
            for probe in probes:
                given = probe.arrays(dtype)
                results = probe.run(**given)
                allowed = _overflows(probe, given, results) if case.cls.family == "activation" else np.zeros((), bool)
                _require_finite(f"{probe.name} in {dtype}", given, results, allowed)
                beyond = beyond | allowed
        for probe in probes:
            given = probe.arrays(dtype)
            if "z" in given:
                given["z"] = np.where(beyond, np.ones_like(given["z"]), given["z"])
            try:
                with np.errstate(all="raise", under="ignore"):
                    probe.run(**given)
            except FloatingPointError as error:
                raise FailedError(f"{probe.name} in {dtype}: {error}, though its results are finite") from None


def _overflows(probe: Probe, given: Arrays, results: Arrays) -> NDArray[np.bool_]:
    """Return where a result is infinite because there is no larger number: for a smaller z it is nearly the largest."""
    overflows = np.zeros(given["z"].shape, dtype=bool)
    for name, values in results.items():
        for index in map(tuple, np.argwhere(np.isinf(values)).tolist()):

            def size(share: float, name: str = name, index: Any = index) -> float:
                return float(abs(probe.run(**{**given, "z": given["z"] * given["z"].dtype.type(share)})[name][index]))

            finite, infinite = min(1.0 / abs(float(given["z"][index])), 1.0), 1.0
            for _ in range(BISECTIONS if np.isfinite(size(finite)) else 0):
                middle = math.sqrt(finite) * math.sqrt(infinite)
                finite, infinite = (middle, infinite) if np.isfinite(size(middle)) else (finite, middle)
            overflows[index] = 0.5 * np.finfo(values.dtype).max <= size(finite) < np.inf
    return overflows


def _require_finite(where: str, given: Arrays, results: Arrays, allowed: NDArray[np.bool_]) -> None:
    for name, array in ((name, np.asarray(value)) for name, value in results.items()):
        for index in map(tuple, np.argwhere(~np.isfinite(array) & ~(np.isinf(array) & allowed)).tolist()):
            inputs = [f"{key} = {value[index]:.9g}" for key, value in given.items() if value.shape == array.shape]
            place = ", ".join(inputs) or list(index)
            raise FailedError(f"{where}: {name} should be finite, got {array[index]:g} at {place}")


def array_api(case: Case) -> None:
    """Check that the component works with array-api-strict, a strict implementation of the standard; a note if not."""
    try:
        strict = importlib.import_module("array_api_strict")
    except ImportError:
        raise SkippedError("array-api-strict is not installed") from None
    for probe in probes_of(case):
        try:
            results = probe.run(**{name: strict.asarray(value) for name, value in probe.arrays().items()})
        except Exception as error:  # whatever the component does with arrays that are not NumPy's
            raise NoteError(f"{probe.name} on array-api-strict: {type(error).__name__}: {error}") from None
        for name, expected in probe.run(**probe.arrays()).items():
            if isinstance(results[name], np.ndarray | np.generic):
                raise NoteError(f"{probe.name}: {name} on array-api-strict is a NumPy array")
            if difference := close(results[name], expected, DOUBLE):
                raise NoteError(f"{probe.name}: {name} on array-api-strict differs from NumPy: {difference}")
