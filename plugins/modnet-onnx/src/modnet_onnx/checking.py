"""Whether a model computes what its network does: both are run on the same rows."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from os import PathLike, fspath
from typing import Any

import numpy as np
import onnx
import onnxruntime
from numpy.typing import NDArray

from modnet import Network
from modnet.core.messages import error_text
from modnet.data.raw import raw_rows
from modnet.data.table import Rows, Table, as_table, rows_at
from modnet.network.probabilities import to_probabilities
from modnet_onnx.errors import ExportError
from modnet_onnx.rows import feeds

__all__ = ["ALLOWED", "Comparison", "check"]

ALLOWED = 1e-5
"""The largest difference between a model and its network that is not refused."""
MOST_ROWS = 10_000
_CALLS = 200


@dataclass(frozen=True)
class Comparison:
    """A model beside its network.

    Attributes:
        samples: On how many rows both were run.
        difference: The largest difference between them: of probabilities as it is, of other numbers as a share of the
            largest one of their output.
        onnxruntime_ms, predict_ms: How long one row takes, in milliseconds: the median of many calls.
    """

    samples: int
    difference: float
    onnxruntime_ms: float
    predict_ms: float


def check(
    model: str | PathLike[str] | onnx.ModelProto, network: Network, rows: Rows, tolerance: float = ALLOWED
) -> Comparison:
    """Run a model in onnxruntime on raw rows, and compare it with its network.

    Args:
        model: A file, or the model itself.
        network: The network that it was exported from.
        rows: Raw rows, as `modnet.Network.predict` takes them; of more than 10,000, so many are taken, evenly spread.
        tolerance: The largest difference that is not refused.

    Raises:
        ExportError: the model cannot be run, predicts other labels, or differs by more than ``tolerance``.
        DataError: the network cannot predict for these rows.
    """
    content = model.SerializeToString() if isinstance(model, onnx.ModelProto) else fspath(model)
    proto = model if isinstance(model, onnx.ModelProto) else onnx.load(fspath(model))
    raw = raw_rows(rows, None, network.features, "x", transforms=network.preprocessing is not None)
    if len(raw) > MOST_ROWS:
        raw = rows_at(raw, np.linspace(0, len(raw) - 1, MOST_ROWS).astype(np.intp))
    if not isinstance(raw, Table):
        raw = as_table(raw, network.features) if network.features is not None else raw
    given = feeds(proto, network, raw)
    expected = _expected(network, raw)
    try:
        session = _session(content)
        names = [output.name for output in session.get_outputs()]
        found = dict(zip(names, session.run(None, given), strict=True))
    except Exception as error:  # onnxruntime has an error class for each status, derived from Exception alone
        raise ExportError(f"onnxruntime cannot run the model: {error_text(error)}") from error
    outputs = {name.removeprefix("output_"): found[name] for name in names}
    difference = _difference(network, expected, outputs, tolerance)
    if not difference <= tolerance:
        rounding = "; float32 may round so" if network.dtype == np.float32 else ""
        raise ExportError(
            f"the model differs from the network by {difference:.1e} on {len(raw):,} rows{rounding}; "
            f"allowed: {tolerance:g} (--tolerance)"
        )
    one = {name: values[:1] for name, values in given.items()}
    row: Any = raw[:1]
    return Comparison(
        len(raw), difference, _milliseconds(lambda: session.run(None, one)), _milliseconds(lambda: network.predict(row))
    )


def _session(content: str | bytes) -> Any:
    onnxruntime.set_default_logger_severity(3)  # what it warns of concerns the machine
    return onnxruntime.InferenceSession(content, providers=["CPUExecutionProvider"])


def _expected(network: Network, rows: Rows) -> dict[str, NDArray[Any]]:
    """Return what the network predicts, by the names of a model's outputs."""
    outputs = network.predict_outputs(rows)  # type: ignore[arg-type] # a table is taken, too
    predictions = network.to_predictions(outputs)
    expected = {"outputs": outputs, "predictions": predictions}
    if network.classes is not None or network.multi_label:
        expected["label"] = network.decode(predictions)
        probabilities = to_probabilities(network, outputs)
        if probabilities is not None:
            expected["probabilities"] = probabilities
    return expected


def _difference(
    network: Network, expected: dict[str, NDArray[Any]], found: dict[str, NDArray[Any]], tolerance: float
) -> float:
    """Return the largest difference of numbers.

    Raises:
        ExportError: labels differ that rounding does not explain.
    """
    largest = 0.0
    for name, values in found.items():
        wanted = expected[name]
        if values.shape != wanted.shape:
            raise ExportError(f"the model's {name} have the shape {values.shape}, the network's {wanted.shape}")
        if name == "label":
            _compare_labels(network, expected["predictions"], wanted, values, tolerance)
        elif wanted.size:
            size = 1.0 if name == "probabilities" else float(np.max(np.abs(wanted))) or 1.0
            with np.errstate(invalid="ignore"):
                apart = np.abs(values.astype(np.float64) - wanted) / size
            largest = max(largest, float(np.max(np.where(np.isnan(apart), np.inf, apart))))
    return largest


def _compare_labels(
    network: Network, predictions: NDArray[Any], wanted: NDArray[Any], found: NDArray[Any], tolerance: float
) -> None:
    differs = wanted.astype(str) != found.astype(str)
    rows = np.nonzero(differs if differs.ndim == 1 else differs.any(axis=1))[0]
    for row in rows.tolist():
        numbers = predictions[row].astype(np.float64)
        if network.multi_label:
            margin = float(np.max(np.abs(numbers[differs[row]] - 0.5)))
        elif len(numbers) == 1:
            margin = abs(float(numbers[0]) - 0.5)
        else:
            first, second = np.sort(numbers)[::-1][:2]
            margin = float(first - second)
        if margin > tolerance:
            raise ExportError(
                f"the model's label for row {row} (counted from 0) is {found[row].tolist()!r}, "
                f"the network's {wanted[row].tolist()!r}"
            )


def _milliseconds(call: Callable[[], Any]) -> float:
    times = []
    for _ in range(_CALLS):
        start = time.perf_counter()
        call()
        times.append(time.perf_counter() - start)
    return float(np.median(times)) * 1e3
