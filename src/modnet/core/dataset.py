"""Data: the samples that a dataset loads, as they are before validation, scaling and splitting."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, TypeAlias

from modnet.core.errors import DataError

__all__ = ["Data", "Names", "Pair"]

Names: TypeAlias = tuple[str | int, ...]
"""Names of columns: text or integers. They are compared as text: in a file, the integer 0 is "0"."""

Pair: TypeAlias = tuple[Any, Any] | tuple[Any, Any, Any]
"""x, (samples, features), and y: class labels (samples,), or targets (samples, outputs) as floats. A third member is
the samples' weights, (samples,), each at least 0; None where all count the same."""


@dataclass(frozen=True)
class Data:
    """Samples for one training.

    Attributes:
        train: The training samples.
        validation: The validation samples, if any.
        test: The test samples, if any.
        features: The names of the columns of x, if the source has names.
        sources: The file or folder of ``train``, ``validation`` and ``test``; those given in memory have none.
        held_out: The numbers of the training rows that are held out for validation, increasing, where an earlier run
            has sampled them; None: ``data.validation_share`` samples them.
        image: The (height, width) in pixels if each row of x is an image, stored row by row; None otherwise.
        groups: What group each training row belongs to, (rows,): text or numbers. Rows of one group belong together,
            as those of one patient do, and are never divided between training and held-out samples.

    Raises:
        DataError: ``train``, ``validation`` or ``test`` is neither a pair nor a triple.
    """

    train: Pair
    validation: Pair | None = None
    test: Pair | None = None
    features: Names | None = None
    sources: Mapping[str, str] = field(default_factory=dict)
    image: tuple[int, int] | None = None
    held_out: Any = None
    groups: Any = None

    def __post_init__(self) -> None:
        for part in ("train", "validation", "test"):
            pair = getattr(self, part)
            if pair is None and part != "train":
                continue
            if not (isinstance(pair, tuple | list) and len(pair) in (2, 3)):
                size = f" of length {len(pair)}" if hasattr(pair, "__len__") else ""
                expected = "expects a pair of x and y, or x, y and sample_weight"
                raise DataError(f"{self.place(part)}: {expected}, got a {type(pair).__name__}{size}")

    def place(self, part: str) -> str:
        """Return the name of ``train``, ``validation`` or ``test`` in error messages, after its file if it has one."""
        source = self.sources.get(part, "")
        return (f"{source}: " if source else "") + ("training" if part == "train" else part)
