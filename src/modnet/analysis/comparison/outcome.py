"""What one run of a comparison reached, and the mean and the standard deviation over several."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Self

import numpy as np
from pydantic import BaseModel, ConfigDict, NonNegativeInt

__all__ = ["Outcome", "Statistic"]


class Outcome(BaseModel):
    """What one run reached; of one that diverged, how far it came.

    Attributes:
        combination: Which combination was trained, counted from 0.
        seed: The seed.
        fold: Which fold was held out for validation, counted from 0; None without folds.
        metrics: Cost and metrics of the finished network on the samples that the comparison judges by.
        test: The same on the test samples, where there are any and they are others.
        baseline: The accuracy of always answering the largest class of the samples of ``metrics``; None where the
            classes are even, or there are none.
        epochs, updates, seconds: How long it was.
        epoch_seconds: How long an epoch took: the median of all but the first, in which an engine may compile, or the
            first where there is no other; None without epochs.
        stopped: Why it ended before its last epoch, or None.
        diverged: Why it diverged, or None.
    """

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True, allow_inf_nan=False)

    combination: NonNegativeInt
    seed: NonNegativeInt
    fold: NonNegativeInt | None
    metrics: dict[str, float]
    test: dict[str, float]
    baseline: float | None = None
    epochs: NonNegativeInt
    updates: NonNegativeInt
    seconds: float
    epoch_seconds: float | None = None
    stopped: str | None = None
    diverged: str | None = None

    @property
    def key(self) -> tuple[int, int, int | None]:
        """What tells the runs of a comparison apart: combination, seed and fold."""
        return self.combination, self.seed, self.fold


@dataclass(frozen=True)
class Statistic:
    """The mean of several numbers, and their standard deviation.

    Attributes:
        mean: Σx / n.
        sd: √(Σ(x − mean)² / (n − 1)); None for a single number.
    """

    mean: float
    sd: float | None

    @classmethod
    def of(cls, values: Sequence[float]) -> Self:
        """Return the statistic of one number or more."""
        array = np.asarray(values, dtype=np.float64)
        return cls(float(array.mean()), float(array.std(ddof=1)) if len(array) > 1 else None)
