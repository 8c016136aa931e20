"""Data: the samples that a dataset gives, before anything is made of them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, TypeAlias

__all__ = ["Data", "Pair"]

Pair: TypeAlias = tuple[Any, Any]
"""x, (samples, features), and y: class labels (samples,), or targets (samples, outputs) as floats."""


@dataclass(frozen=True)
class Data:
    """Samples for one training.

    Attributes:
        train: What is learnt from.
        validation: What the training is watched with, if any.
        test: What the result is judged with, if any.
        features: The names of the columns of x, where the source has names.
        sources: The file or folder that ``train``, ``validation`` and ``test`` come from, where they do.
    """

    train: Pair
    validation: Pair | None = None
    test: Pair | None = None
    features: tuple[str, ...] | None = None
    sources: Mapping[str, str] = field(default_factory=dict)

    def place(self, part: str) -> str:
        """Return how an error calls ``train``, ``validation`` or ``test``: with its file, where it has one."""
        source = self.sources.get(part, "")
        return (f"{source}: " if source else "") + ("training" if part == "train" else part)
