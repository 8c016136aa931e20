"""The optimizers: which samples feed one update. Source of all three: the document, "Types of Gradient Descent"."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from modnet.core.interfaces import Optimizer, Problem

__all__ = ["Batch", "MiniBatch", "Stochastic"]


class Batch(Optimizer):
    """All samples feed one update: an epoch is one update, with the gradient of the whole training set."""

    kind: Literal["batch"] = "batch"

    def epoch(self, problem: Problem) -> None:
        """Make one update; the order of the samples has no meaning, so nothing is shuffled or copied."""
        problem.run_sweep(None, problem.samples)


class Stochastic(Optimizer):
    """One sample feeds one update: an epoch makes as many updates as there are samples, in an order drawn by lot."""

    kind: Literal["stochastic"] = "stochastic"

    def updates(self, samples: int) -> int:
        """Return the number of samples."""
        return samples

    def epoch(self, problem: Problem) -> None:
        """Make one update for every sample, in a new order."""
        problem.run_sweep(problem.rng.permutation(problem.samples), 1)


class MiniBatch(Optimizer):
    """A few samples feed one update; an order drawn by lot is cut into batches, the last of which may be shorter."""

    kind: Literal["mini-batch"] = "mini-batch"
    batch_size: int = Field(default=10, gt=0, description="how many samples feed one update")

    def updates(self, samples: int) -> int:
        """Return the number of batches."""
        return -(-samples // self.batch_size)

    def check(self, samples: int) -> None:
        """Refuse a batch that is larger than the data."""
        if self.batch_size > samples:
            raise ValueError(f"batch_size: {self.batch_size} is more than the {samples} training samples; "
                             f"allowed: 1 to {samples}")  # fmt: skip

    def epoch(self, problem: Problem) -> None:
        """Make one update for every batch, in a new order."""
        problem.run_sweep(problem.rng.permutation(problem.samples), self.batch_size)
