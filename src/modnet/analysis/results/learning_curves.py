"""Learning curves: the history of a run, read back and put in order by figure."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from os import PathLike
from pathlib import Path
from typing import Any, Literal

from modnet.analysis.results.predictions import PARTS
from modnet.core.errors import ModelFileError
from modnet.core.interfaces import Metric
from modnet.storage.run_folder import RunFolder

__all__ = ["Curve", "history_in", "learning_curves"]


@dataclass(frozen=True)
class Curve:
    """One figure over the epochs.

    Attributes:
        name: ``cost``, or a metric's label.
        better: Which way it goes when a network gets better.
        epochs: The epochs, from 0.
        values: A value for each epoch, by part: those of ``train`` as the samples were met, before their updates, those
            of ``validation`` and ``test`` after the epoch. None where a figure was not finite.
        judge: The part that the best epoch is judged by: ``validation``, or where there is none ``test``, or ``train``.
        best: The best epoch; of several the first. None where no value is finite.
    """

    name: str
    better: Literal["higher", "lower"]
    epochs: tuple[int, ...]
    values: Mapping[str, tuple[float | None, ...]]
    judge: str
    best: int | None

    @property
    def best_value(self) -> float | None:
        """The value of the best epoch."""
        return None if self.best is None else self.values[self.judge][self.epochs.index(self.best)]

    def to_dict(self) -> dict[str, Any]:
        """Return the attributes by name, and the best value, as JSON has them."""
        return {**asdict(self), "best_value": self.best_value}


def learning_curves(history: Sequence[Mapping[str, Any]], metrics: Sequence[Metric]) -> tuple[Curve, ...]:
    """Return the curves of a history: the cost, then every metric; none where no epoch was trained."""
    directions: dict[str, Literal["higher", "lower"]] = {"cost": "lower"}
    directions |= {metric.label: metric.better for metric in metrics}
    epochs = tuple(int(row["epoch"]) for row in history)
    curves = []
    for name, better in directions.items():
        keys = {part: name if part == "train" else f"{part}_{name}" for part in PARTS}
        values = {
            part: tuple(_finite(row[key]) for row in history)
            for part, key in keys.items()
            if history and all(_is_number(row.get(key)) for row in history)
        }
        if values:
            judge = next(part for part in ("validation", "test", "train") if part in values)
            curves.append(Curve(name, better, epochs, values, judge, _best(epochs, values[judge], better)))
    return tuple(curves)


def history_in(folder: str | PathLike[str]) -> list[dict[str, Any]]:
    """Return the rows of a run folder's history.

    Raises:
        ModelFileError: there is none, or a line is no row of an epoch.
    """
    file = Path(folder) / RunFolder.HISTORY
    try:
        lines = file.read_text(encoding="utf-8").splitlines()
    except (FileNotFoundError, NotADirectoryError):
        raise ModelFileError(f"{folder}: is no run folder: it has no {RunFolder.HISTORY}") from None
    except (OSError, UnicodeDecodeError) as error:
        raise ModelFileError(f"{file}: cannot be read: {' '.join(str(error).split())}") from None
    rows: list[dict[str, Any]] = []
    for number, line in enumerate(lines, 1):
        try:
            row = json.loads(line)
        except (ValueError, RecursionError):
            row = None
        epoch, cost = (row.get("epoch"), row.get("cost")) if isinstance(row, dict) else (None, None)
        if type(epoch) is not int or not _is_number(cost):
            raise ModelFileError(f"{file}: line {number} is damaged; a JSON object with epoch and cost is expected")
        if epoch < 0 or (rows and epoch <= rows[-1]["epoch"]):
            raise ModelFileError(f"{file}: line {number} is damaged; epoch {epoch} cannot stand there")
        rows.append(row)
    return rows


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _finite(value: float) -> float | None:
    return float(value) if math.isfinite(value) else None


def _best(epochs: Sequence[int], values: Sequence[float | None], better: str) -> int | None:
    sign = -1.0 if better == "higher" else 1.0
    known = [(sign * value, epoch) for epoch, value in zip(epochs, values, strict=True) if value is not None]
    return min(known)[1] if known else None
