"""The checks of what is computed with arrays; they are the same for every family, and are made over its probes."""

from __future__ import annotations

import importlib
from typing import Any

import numpy as np

from modnet.testing.case import Case
from modnet.testing.numeric import as_numpy, close, first_difference, same_bits
from modnet.testing.probes import extremes_of, probes_of
from modnet.testing.report import FailedError, NoteError, SkippedError

__all__ = [
    "array_api",
    "batch_equals_row_by_row",
    "dtype_kept",
    "extreme_inputs",
    "float32_agrees",
    "inputs_not_written",
    "shape_kept",
]

DTYPES = ("float64", "float32")
SINGLE = 1e-5
"""How far float32 may be from float64, relative to the largest result: about a hundred roundings."""
DOUBLE = 1e-12
"""How far two orders of the same sums may be apart in float64, relative to the largest result."""


def inputs_not_written(case: Case) -> None:
    """Check that arrays (and a rule's state) that are given are only read; they are given read-only."""
    for probe in probes_of(case):
        given = probe.arrays()
        for array in given.values():
            array.flags.writeable = False
        try:
            probe.run(given)
        except (ValueError, TypeError) as error:
            if "read-only" in str(error) or "mappingproxy" in str(error):
                raise FailedError(f"{probe.name} writes to what it was given: {error}; allocate and return") from None
            raise
        for name, before in probe.inputs.items():
            if not same_bits(given[name], before):
                raise FailedError(f"{probe.name} writes to {name}; allocate and return")


def shape_kept(case: Case) -> None:
    """Check that every result has the shape that the family asks for."""
    for probe in probes_of(case):
        results = probe.run(probe.arrays())
        for name, shape in probe.shapes.items():
            came = np.shape(as_numpy(results[name]))
            if came != shape:
                raise FailedError(f"{probe.name}: {name} should have the shape {shape}, got {came}")


def dtype_kept(case: Case) -> None:
    """Check that results have the inputs' dtype, float64 or float32 (a Python number has none and will do)."""
    for probe in probes_of(case):
        for dtype in DTYPES:
            for name, value in probe.run(probe.arrays(dtype)).items():
                if isinstance(value, float | int) and not isinstance(value, np.generic):
                    continue
                came = str(getattr(value, "dtype", type(value).__name__))
                whole = name.startswith("state ") and as_numpy(value).dtype.kind in "iub"
                if came != dtype and not whole:
                    raise FailedError(f"{probe.name}: {name} of {dtype} inputs should be {dtype}, got {came}")


def float32_agrees(case: Case) -> None:
    """Check that in float32 every result is that of float64, to float32's accuracy."""
    for probe in probes_of(case):
        single = probe.arrays("float32")
        double = {name: value.astype("float64") for name, value in single.items()}
        came, expected = probe.run(single), probe.run(double)
        for name, value in expected.items():
            if difference := close(came[name], value, SINGLE):
                raise FailedError(f"{probe.name}: {name} in float32 is not that of float64: {difference}")


def batch_equals_row_by_row(case: Case) -> None:
    """Check that samples do not mix: a batch gives what its rows give one by one."""
    for probe in probes_of(case):
        if not probe.rows:
            continue
        given = probe.arrays()
        batch = probe.run(given)
        for row in range(len(given[probe.rows[0]])):
            one = {name: value[row : row + 1] if name in probe.rows else value for name, value in given.items()}
            for name, value in probe.run(one).items():
                expected = as_numpy(value)
                came = as_numpy(batch[name])
                came = came[row : row + 1] if came.ndim else came
                largest = float(np.max(np.abs(as_numpy(batch[name])), initial=0.0))
                if difference := first_difference(came, expected, DOUBLE * largest):
                    raise FailedError(f"{probe.name}: {name} of row {row} in a batch is not that alone: {difference}")


def extreme_inputs(case: Case) -> None:
    """Check that results at the ends of the floats (±largest, subnormal, 0) are finite, without an error."""
    tried = [(dtype, probe) for dtype in DTYPES for probe in extremes_of(case, dtype)]
    for dtype, probe in tried:
        given = probe.arrays(dtype)
        with np.errstate(all="ignore"):
            _refuse_infinite(probe.name, dtype, given, probe.run(given))
    for dtype, probe in tried:
        try:
            with np.errstate(all="raise", under="ignore"):
                probe.run(probe.arrays(dtype))
        except FloatingPointError as error:
            raise FailedError(f"{probe.name} in {dtype}: {error}, though its results are finite") from None


def _refuse_infinite(name: str, dtype: str, given: dict[str, Any], results: dict[str, Any]) -> None:
    for result, value in results.items():
        array = as_numpy(value)
        if np.isfinite(array).all():
            continue
        index = tuple(int(i) for i in np.unravel_index(int(np.argmin(np.isfinite(array))), array.shape))
        at = [f"{key} = {value[index]:.9g}" for key, value in given.items() if value.shape == array.shape]
        where = ", ".join(at) or f"{list(index)}"
        raise FailedError(f"{name} in {dtype}: {result} should be finite, got {array[index]:g} at {where}")


def array_api(case: Case) -> None:
    """Check that it runs on another library of the array API standard (array-api-strict); a note where it does not."""
    try:
        strict = importlib.import_module("array_api_strict")
    except ImportError:
        raise SkippedError("array-api-strict is not installed") from None
    for probe in probes_of(case):
        expected = probe.run(probe.arrays())
        given = {name: strict.asarray(value) for name, value in probe.arrays().items()}
        try:
            came = probe.run(given)
        except Exception as error:  # whatever the part does with arrays that are not NumPy's
            raise NoteError(f"{probe.name} on array-api-strict: {type(error).__name__}: {error}") from None
        for name, value in expected.items():
            if isinstance(came[name], np.ndarray | np.generic):
                raise NoteError(f"{probe.name}: {name} on array-api-strict comes back as an array of NumPy's")
            if difference := close(came[name], value, DOUBLE):
                raise NoteError(f"{probe.name}: {name} on array-api-strict is not that of NumPy: {difference}")
