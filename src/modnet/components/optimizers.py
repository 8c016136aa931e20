"""The optimizers: which samples feed one update. Source of all three: the document, "Types of Gradient Descent"."""

from __future__ import annotations

from typing import Any, ClassVar, Literal

import numpy as np
from pydantic import Field

from modnet.core.interfaces import Optimizer, Sweep, TrainingData

__all__ = ["Batch", "MiniBatch", "Stochastic"]


class Batch(Optimizer):
    """All samples feed one update: an epoch is one update, with the gradient of the whole training set."""

    kind: Literal["batch"] = "batch"
    also_known_as: ClassVar[tuple[str, ...]] = ("gd", "bgd", "full-batch", "gradient-descent", "batch-gradient-descent")

    def sweeps(self, data: TrainingData, rng: np.random.Generator, state: dict[str, Any]) -> list[Sweep]:
        """Return one batch of all samples; their order has no meaning, so nothing is shuffled or copied."""
        del rng, state
        return [Sweep(None, len(data))]


class Stochastic(Optimizer):
    """One sample feeds one update: an epoch makes as many updates as there are samples, in a random order."""

    kind: Literal["stochastic"] = "stochastic"
    also_known_as: ClassVar[tuple[str, ...]] = ("sgd", "stochastic-gradient-descent", "online")

    def updates(self, samples: int) -> int:
        """Return the number of samples."""
        return samples

    def sweeps(self, data: TrainingData, rng: np.random.Generator, state: dict[str, Any]) -> list[Sweep]:
        """Return batches of one sample, in a new random order."""
        del state
        return [Sweep(rng.permutation(len(data)), 1)]


class MiniBatch(Optimizer):
    """A few samples feed one update: their order, random by default, is cut into batches; the last may be shorter.

    A batch that is larger than the data is all of it.
    """

    kind: Literal["mini-batch"] = "mini-batch"
    also_known_as: ClassVar[tuple[str, ...]] = ("sgd", "mini-batch-gradient-descent", "mini-batch-sgd")
    batch_size: int = Field(default=10, gt=0, description="how many samples feed one update")
    shuffle: bool = Field(default=True, description="whether each epoch has a new random order")
    drop_last: bool = Field(default=False, description="whether a last, shorter batch is left out")

    def updates(self, samples: int) -> int:
        """Return the number of batches."""
        return samples // self.batch_size if self.drop_last else -(-samples // self.batch_size)

    def check(self, samples: int) -> None:
        """Refuse a batch that is larger than the data and is left out as too short, so that none would be left."""
        if self.drop_last and self.batch_size > samples:
            raise ValueError(f"batch_size: {self.batch_size} is more than the {samples} training samples; "
                             f"allowed: 1 to {samples}")  # fmt: skip

    def warning(self, samples: int) -> str | None:
        """Say that a batch is larger than the data."""
        if self.batch_size <= samples:
            return None
        return (
            f"batch_size: {self.batch_size} is more than the {samples} training samples; each update uses all of them"
        )

    def sweeps(self, data: TrainingData, rng: np.random.Generator, state: dict[str, Any]) -> list[Sweep]:
        """Return the batches of a new random order, or of the samples as they lie."""
        del state
        samples = len(data)
        order = rng.permutation(samples) if self.shuffle else None
        if self.drop_last and samples % self.batch_size:
            order = (np.arange(samples) if order is None else order)[: samples - samples % self.batch_size]
        return [Sweep(order, min(self.batch_size, samples))]
