"""What is written to a log at one step of a training: numbers, histograms and pictures."""

from __future__ import annotations

import math
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal, Self

import numpy as np
from numpy.typing import ArrayLike, NDArray

from modnet.core.messages import epoch_number

__all__ = ["LogHistogram", "LogRecord"]

_BINS = 50
_LARGEST = 1e300
"""The difference of any two numbers up to this is finite."""


@dataclass(frozen=True, eq=False)
class LogHistogram:
    """How many numbers lie between which limits; those that are not finite are left out.

    Attributes:
        edges: The limits, (bins + 1,), from the least number to the largest.
        counts: The number of numbers in each bin, (bins,).
        minimum, maximum, total, total_squares: The least, the largest, their sum and the sum of their squares.
    """

    edges: NDArray[np.float64]
    counts: NDArray[np.int64]
    minimum: float
    maximum: float
    total: float
    total_squares: float

    @classmethod
    def of(cls, values: ArrayLike) -> Self | None:
        """Return the histogram of numbers of any shape, or None where none of them is finite."""
        numbers = np.asarray(values, dtype=np.float64).ravel()
        numbers = numbers[np.abs(numbers) <= _LARGEST]
        if not numbers.size:
            return None
        low, high = float(numbers.min()), float(numbers.max())
        if not high - low > 1e-12 * max(abs(low), abs(high), 1e-300):  # no room for bins between them
            half = 0.5 * max(abs(high), 1.0)
            counts, edges = np.histogram(numbers, _BINS, (low - half, high + half))
        else:
            counts, edges = np.histogram(numbers, _BINS, (low, high))
        with np.errstate(over="ignore"):  # a square may be infinite
            return cls(edges, counts.astype(np.int64), low, high, float(numbers.sum()), float(numbers @ numbers))


@dataclass(frozen=True)
class LogRecord:
    """What is written at one step.

    Attributes:
        axis: What steps are counted in.
        step: After how many epochs or updates; 0 is the start.
        time: When that was, in seconds since 1970.
        numbers: Name → number; after an epoch the names are those of ``history.jsonl``.
        histograms: ``layer-1/weights`` or ``layer-1/delta`` → histogram, of every layer, counted from 1.
        pictures: Name → the content of a PNG file.
    """

    axis: Literal["epoch", "update"]
    step: int
    time: float = field(default_factory=time.time)
    numbers: Mapping[str, float] = field(default_factory=dict)
    histograms: Mapping[str, LogHistogram] = field(default_factory=dict)
    pictures: Mapping[str, bytes] = field(default_factory=dict)

    @classmethod
    def of_row(cls, row: Mapping[str, Any]) -> Self:
        """Return the record of an epoch's row of the history."""
        return cls("epoch", epoch_number(row["epoch"]), numbers={k: v for k, v in row.items() if k != "epoch"})

    def to_state(self) -> dict[str, Any]:
        """Return the record as a checkpoint takes it."""
        return {
            "axis": self.axis,
            "step": self.step,
            "time": self.time,
            "numbers": dict(self.numbers),
            "histograms": {name: dict(vars(each)) for name, each in self.histograms.items()},
            "pictures": {name: np.frombuffer(png, np.uint8) for name, png in self.pictures.items()},
        }

    @classmethod
    def of_state(cls, state: Mapping[str, Any]) -> Self:
        """Return the record that `to_state` was called of."""
        histograms = {name: LogHistogram(**each) for name, each in state["histograms"].items()}
        pictures = {name: png.tobytes() for name, png in state["pictures"].items()}
        return cls(**{**state, "histograms": histograms, "pictures": pictures})

    @property
    def finite(self) -> dict[str, float]:
        """The numbers that are finite."""
        return {name: value for name, value in self.numbers.items() if math.isfinite(value)}
