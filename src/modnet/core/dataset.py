"""Data: the samples that a dataset gives, before anything is made of them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, TypeAlias

from modnet.core.errors import DataError

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
        image: The rows and columns of the image that each row of x is, where it is one, pixel by pixel, row by row.
    """

    train: Pair
    validation: Pair | None = None
    test: Pair | None = None
    features: tuple[str, ...] | None = None
    sources: Mapping[str, str] = field(default_factory=dict)
    image: tuple[int, int] | None = None

    def __post_init__(self) -> None:
        for part in ("train", "validation", "test"):
            pair = getattr(self, part)
            if pair is None and part != "train":
                continue
            if not (isinstance(pair, tuple | list) and len(pair) == 2):
                size = f" of length {len(pair)}" if hasattr(pair, "__len__") else ""
                raise DataError(f"{self.place(part)}: expects a pair of x and y, got a {type(pair).__name__}{size}")

    def place(self, part: str) -> str:
        """Return how an error calls ``train``, ``validation`` or ``test``: with its file, where it has one."""
        source = self.sources.get(part, "")
        return (f"{source}: " if source else "") + ("training" if part == "train" else part)
